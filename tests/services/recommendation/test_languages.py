"""Items in Chinese: embedded by the task of their language, all of them by one bundle."""

from typing import Any

import httpx
import pytest

from services.recommendation.config import RecommendationSettings
from services.recommendation.service import RecommendationService
from shared.text.language import Language
from tests.harness.recommendation.application import client, open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk
from tests.harness.waiting import until
from tests.services.recommendation.test_feedback import item, send

CHINESE = {"tai": "黄铜 台灯 书房", "luo": "黄铜 落地灯 客厅", "yi": "橡木 椅子 餐厅"}
ENGLISH = {"lamp": "Brass desk lamp", "rug": "Wool rug"}
ZH = "embed-zh"


def items(titles: dict[str, str]) -> list[dict[str, Any]]:
    return [item(name, title=title) for name, title in titles.items()]


def bundle_of(service: RecommendationService) -> str | None:
    follower = service._follower
    return None if follower is None else follower.rankings.bundle


async def serves(service: RecommendationService, bundle: str, names: dict[str, str]) -> None:
    def all_vectors() -> bool:
        follower = service._follower
        if follower is None or follower.rankings.bundle != bundle:
            return False
        return all(follower.rankings.has_vector(("default", name)) for name in names)

    await until(all_vectors, f"the vectors of {bundle} serve")


async def test_a_chinese_catalogue_is_embedded_by_its_task(
    http: httpx.AsyncClient, service: RecommendationService, trunk: FakeTrunk
) -> None:
    trunk.of_languages = {ZH: 96}

    await send(http, items(CHINESE))
    await serves(service, f"{ZH}@1", CHINESE)

    similar = (await http.get("/items/tai/similar?n=1")).json()["items"]
    assert [one["item"] for one in similar] == ["luo"]
    assert (await service.readiness())["vectors"] == "ready"


async def test_without_the_task_it_is_said_and_others_serve_until_it_comes(
    http: httpx.AsyncClient, service: RecommendationService, trunk: FakeTrunk
) -> None:
    await send(http, items(CHINESE))
    await serves(service, "embed@1", CHINESE)
    assert "banyan backbone fetch" in (await service.readiness())["vectors"]
    assert "in zh" in (await service.readiness())["vectors"]

    trunk.of_languages = {ZH: 96}

    await serves(service, f"{ZH}@1", CHINESE)
    assert (await service.readiness())["vectors"] == "ready"


@pytest.mark.parametrize(
    ("chinese", "english", "bundle"),
    [(3, 0, f"{ZH}@1"), (3, 2, f"{ZH}@1"), (1, 2, f"{ZH}@1"), (0, 2, "embed@1")],
)
async def test_a_mixed_catalogue_has_one_bundle(
    settings: RecommendationSettings,
    trunk: FakeTrunk,
    probe: FakeProbe,
    chinese: int,
    english: int,
    bundle: str,
) -> None:
    trunk.of_languages = {ZH: 96}
    titles = dict(list(CHINESE.items())[:chinese]) | dict(list(ENGLISH.items())[:english])
    service = open_service(settings, trunk, probe)
    service.start()
    await until_ready(service)
    async with client(service) as http:
        await send(http, items(titles))
        await serves(service, bundle, titles)
        # Whatever it was embedded by before the language was known, all are of one bundle now.
        await until(lambda: service._vectors.bundles() == [bundle], "the others are deleted")
    await service.close()


async def test_a_catalogue_that_becomes_chinese_is_embedded_again(
    http: httpx.AsyncClient, service: RecommendationService, trunk: FakeTrunk
) -> None:
    trunk.of_languages = {ZH: 96}
    await send(http, items(ENGLISH))
    await serves(service, "embed@1", ENGLISH)

    await send(http, items(CHINESE))

    await serves(service, f"{ZH}@1", CHINESE | ENGLISH)


async def test_after_a_start_without_the_backbone_items_are_embedded_by_the_other(
    settings: RecommendationSettings, trunk: FakeTrunk, probe: FakeProbe
) -> None:
    for of_languages, bundle in (({ZH: 96}, f"{ZH}@1"), ({}, "embed@1")):
        trunk.of_languages = of_languages
        service = open_service(settings, trunk, probe)
        service.start()
        await until_ready(service)
        async with client(service) as http:
            await send(http, items(CHINESE))
            await serves(service, bundle, CHINESE)
        await service.close()


async def test_a_language_can_be_left_to_the_trunk_s_own_embedding(
    settings: RecommendationSettings, trunk: FakeTrunk, probe: FakeProbe
) -> None:
    assert settings.embed_tasks == {Language.CHINESE: ZH}
    trunk.of_languages = {ZH: 96}
    service = open_service(settings.model_copy(update={"embed_tasks": {}}), trunk, probe)
    service.start()
    await until_ready(service)
    async with client(service) as http:
        await send(http, items(CHINESE))
        await serves(service, "embed@1", CHINESE)
    assert bundle_of(service) == "embed@1"
    await service.close()
