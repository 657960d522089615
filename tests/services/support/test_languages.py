"""Knowledge bases in other languages are embedded by the backbone that reads these."""

import httpx
import pytest

from services.support.answers.readings import Turn
from services.support.config import SupportSettings
from services.support.documents import Document
from services.support.service import SupportService, open_service
from shared.models.backbones.prefixes import InputType
from shared.text.language import Language
from shared.text.passages import TextFormat
from tests.harness.support.fakes import FakeTrunk, FixedConfidence

ENGLISH, CHINESE = "embed@000000000001", "embed-zh@000000000001"
ARTICLES = {
    "退款": "退款会在七个工作日内原路退回到您的银行卡。",
    "运费": "退货运费由买家承担，质量问题除外。",
    "积分": "积分可以在结算时兑换优惠券。",
}


def chinese() -> list[Document]:
    return [document(name, text) for name, text in ARTICLES.items()]


def document(title: str, text: str) -> Document:
    return Document(title, title, text, TextFormat.PLAIN, False, {})


@pytest.fixture
def trunk() -> FakeTrunk:
    trunk = FakeTrunk()
    trunk.language_bundles["embed-zh"] = CHINESE
    trunk.judge_logits = lambda question, passage: 0.0
    return trunk


async def made_by(service: SupportService, name: str) -> str | None:
    return await (await service.knowledge_bases.get("default", name)).bundle()


async def found(service: SupportService, name: str, question: str) -> list[str]:
    base = await service.knowledge_bases.get("default", name)
    hits = await service.assistant.search(base, Turn((question,)), 3)
    return [each.hit.entry.document_id for each in hits]


async def test_chinese_documents_are_embedded_and_asked_by_their_own_backbone(
    service: SupportService, trunk: FakeTrunk, http: httpx.AsyncClient
) -> None:
    await service.knowledge_bases.put("default", "shop", chinese())
    assert await made_by(service, "shop") == CHINESE
    assert (await http.get("knowledge-bases/shop")).json()["language"] == "zh"
    trunk.calls.clear()

    assert (await found(service, "shop", "多久能收到退款？"))[0] == "退款"

    calls = [call for calls in trunk.calls for call in calls]
    # The trunk has no judge of its language, and the one that reads English is not asked.
    assert [(call.task, call.input_type) for call in calls] == [(CHINESE, InputType.QUERY)]


def chinese_confidence(service: SupportService, **changed: object) -> None:
    """Lets the Chinese confidence be the cosine, made with the bundles of these tests."""
    confidence = service.confidences["embed-zh"]
    weights = {**dict.fromkeys(confidence.calibration.weights, 0.0), "dense": 9.0}
    update = {
        "embed_bundle": CHINESE,
        "judge_bundle": None,
        "weights": weights,
        "intercept": -1.0,
        "threshold": 0.5,
    }
    made = confidence.calibration.model_copy(update={**update, **changed})
    service.assistant.relevances.of_task("embed-zh").confidence = FixedConfidence(made)


async def test_a_chinese_question_is_answered_by_the_confidence_of_its_language(
    service: SupportService, trunk: FakeTrunk
) -> None:
    await service.knowledge_bases.put("default", "shop", chinese())
    base = await service.knowledge_bases.get("default", "shop")
    chinese_confidence(service)
    turn = Turn(("退款会在七个工作日内原路退回到银行卡吗",))

    answer = await service.assistant.answer(base, turn)

    assert (answer.kind, answer.fits_calibration) == ("answer", True)
    assert answer.composed is not None
    assert answer.composed.text.startswith(ARTICLES["退款"])
    chinese_confidence(service, embed_bundle="embed-zh@00000000000f")
    other = await service.assistant.answer(base, turn)
    assert (other.kind, other.fits_calibration) == ("suggestions", False)


async def test_the_judge_of_its_language_is_asked(
    service: SupportService, trunk: FakeTrunk
) -> None:
    trunk.judge_bundle = "support-judge-zh@000000000001"
    await service.knowledge_bases.put("default", "shop", chinese())
    trunk.calls.clear()

    await found(service, "shop", "多久能收到退款？")

    tasks = [call.task for calls in trunk.calls for call in calls]
    assert tasks == [CHINESE, "support-judge-zh"]


async def test_the_states_and_figures_of_a_language_are_its_own(
    service: SupportService, http: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    await service.knowledge_bases.put("default", "shop", chinese())
    shown = (await http.get("risk-coverage", params={"knowledge_base": "shop"})).json()
    messages = [{"role": "user", "content": "多久能收到退款？"}]
    body = {"knowledge_base": "shop", "messages": messages}
    evidence = (await http.post("evidence", json=body)).json()

    assert shown["calibration"].startswith("support-confidence-zh@")
    assert (evidence["name"], evidence["judge_bundle"]) == ("support-confidence-zh", None)
    state = (await service.readiness())["confidence-zh"]
    assert state.startswith("ready, but support-confidence-zh@")
    trunk.language_bundles.clear()
    assert "confidence-zh" not in await service.readiness()


async def test_english_documents_are_embedded_as_before_and_judged(
    service: SupportService, trunk: FakeTrunk, http: httpx.AsyncClient
) -> None:
    await service.knowledge_bases.put("default", "shop", [document("Refunds", "Within a week.")])
    assert await made_by(service, "shop") == ENGLISH
    await found(service, "shop", "When is my refund paid?")
    assert (await http.get("knowledge-bases/shop")).json()["language"] == "en"
    tasks = {call.task for calls in trunk.calls for call in calls}
    assert tasks == {"embed", ENGLISH, "support-judge"}


async def test_without_a_backbone_for_it_that_is_told_and_made_good_when_there_is_one(
    service: SupportService, trunk: FakeTrunk
) -> None:
    trunk.language_bundles.clear()
    await service.knowledge_bases.put("default", "shop", chinese())
    await service._follower.follow()
    assert await made_by(service, "shop") == ENGLISH
    state = (await service.readiness())["indexes"]
    assert state.startswith("ready, but 1 of the knowledge bases are in zh, and the trunk has no ")
    assert "task 'embed-zh': `banyan backbone fetch multilingual-e5-small`" in state

    trunk.language_bundles["embed-zh"] = CHINESE
    await service._follower.follow()

    assert await made_by(service, "shop") == CHINESE
    assert (await service.readiness())["indexes"] == "ready"
    assert (await found(service, "shop", "积分怎么用"))[0] == "积分"


async def test_a_knowledge_base_that_changes_its_language_is_rebuilt(
    service: SupportService,
) -> None:
    await service.knowledge_bases.put("default", "shop", chinese())
    base = await service.knowledge_bases.get("default", "shop")
    for name in ARTICLES:
        await base.delete(name)
    await base.put([document("Refunds", "A refund is paid within a week of its return.")])
    assert await base.language() is Language.ENGLISH

    await service._follower.follow()

    assert await made_by(service, "shop") == ENGLISH
    assert await found(service, "shop", "refund") == ["Refunds"]


async def test_the_first_search_of_a_start_makes_the_index_by_its_language(
    service: SupportService,
) -> None:
    await service.knowledge_bases.put("default", "shop", chinese())
    base = await service.knowledge_bases.get("default", "shop")
    await base._saved.discard()
    base._index = None
    assert (await base.index()).bundle == CHINESE
    assert (await base.rebuild()).bundle == CHINESE


async def test_the_chat_says_in_chinese_what_it_says_itself(
    service: SupportService, http: httpx.AsyncClient
) -> None:
    await service.knowledge_bases.put("default", "shop", chinese())
    body = {
        "model": "support:shop",
        "messages": [{"role": "user", "content": "你们的店几点关门？"}],
    }

    answer = (await http.post("v1/chat/completions", json=body)).json()["choices"][0]["message"]

    assert answer["banyan"]["kind"] == "suggestions"
    assert answer["content"].startswith("我不确定")


async def test_a_stated_language_counts_and_is_kept_until_another_is_stated(
    service: SupportService, http: httpx.AsyncClient
) -> None:
    made = (await http.put("knowledge-bases/shop", params={"language": "zh"})).json()
    assert (made["language"], made["language_is_stated"]) == ("zh", True)
    await service.knowledge_bases.put("default", "shop", [document("Refunds", "Within a week.")])
    assert await made_by(service, "shop") == CHINESE

    same = (await http.put("knowledge-bases/shop")).json()
    assert (same["language"], same["language_is_stated"]) == ("zh", True)
    assert (await http.put("knowledge-bases/shop", params={"language": "en"})).status_code == 200
    await service._follower.follow()

    assert await made_by(service, "shop") == ENGLISH
    listed = (await http.get("knowledge-bases")).json()["knowledge_bases"]
    assert [(each["language"], each["language_is_stated"]) for each in listed] == [("en", True)]


@pytest.mark.parametrize("language", ["fr", "other", "", "中文"])
async def test_a_language_that_cannot_be_stated_is_refused(
    http: httpx.AsyncClient, language: str
) -> None:
    answer = await http.put("knowledge-bases/shop", params={"language": language})

    assert answer.status_code == 422
    assert "language" in answer.text
    assert "'en' or 'zh'" in answer.text
    assert (await http.get("knowledge-bases/shop")).status_code == 404


async def test_what_is_written_in_several_scripts_is_answered_or_suggested(
    service: SupportService, http: httpx.AsyncClient
) -> None:
    await service.knowledge_bases.put("default", "shop", chinese())
    for said in (
        "iPhone 15 の返品はできますか",
        "환불은 언제 되나요?",
        "ﾍﾝｷﾝは？",
        "退款😀什么时候",
        "退款 refund when",
    ):
        body = {"model": "support:shop", "messages": [{"role": "user", "content": said}]}
        answer = await http.post("v1/chat/completions", json=body)
        assert answer.status_code == 200, said
        assert answer.json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("title", "text", "question"),
    [
        ("返金", "返金は一週間以内に届きます。", "返金はいつですか"),
        ("ﾎﾟｲﾝﾄ", "ﾎﾟｲﾝﾄは会計で使えます。", "ﾎﾟｲﾝﾄの使い方"),
        ("환불", "환불은 일주일 안에 지급됩니다.", "환불은 언제 되나요"),
    ],
)
async def test_japanese_and_korean_are_embedded_by_the_task_that_is_named_for_other_languages(
    settings: SupportSettings, trunk: FakeTrunk, title: str, text: str, question: str
) -> None:
    named = {Language.CHINESE: "embed-zh", Language.OTHER: "embed-zh"}
    for tasks, bundle in [(named, CHINESE), ({}, ENGLISH)]:
        service = open_service(settings.model_copy(update={"embed_tasks": tasks}), trunk)
        name = f"shop-{len(tasks)}"
        await service.knowledge_bases.put("default", name, [document(title, text)])
        assert await made_by(service, name) == bundle
        base = await service.knowledge_bases.get("default", name)
        assert await base.language() is Language.OTHER
        assert await found(service, name, question) == [title]
        await service.close()
