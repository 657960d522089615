"""How a tenant's state remembers."""

from pydantic import Field

from shared.config import Settings
from shared.ranking.events import InteractionWeights

DAY_S = 86_400.0


class StateSettings(Settings):
    """What the state keeps of behaviour.

    - `history_length`: the newest interactions that are kept of a user or a session.
    - `users_kept`: how many users have a history and fields, those who did something last; one
      takes about 1.4 KB with 20 interactions and 5.5 KB with 200. A user who is forgotten is
      ranked for as a new one.
    - `sessions_kept`, `session_kept_s`: how many sessions have a history, and for how long after
      their last interaction.
    - `taste_length`, `taste_half_life_s`: how many of them features read, and after which time one
      weighs half as much.
    - `popularity_half_lives_s`: popularity is counted with each of them; the first is the one by
      which "popular" is meant, and each is a column of features.
    - `popular_kept`: the most popular items that are known without a search.
    - `pair_distance`, `pair_window_s`: two items go together when one history holds them at most
      so many places and seconds apart.
    - `neighbours_kept`: the items that are kept as going together with one.
    """

    history_length: int = Field(200, ge=1, le=10_000)
    users_kept: int = Field(1_000_000, ge=1)
    sessions_kept: int = Field(100_000, ge=1)
    session_kept_s: float = Field(30 * DAY_S, gt=0)
    taste_length: int = Field(50, ge=1)
    taste_half_life_s: float = Field(30 * DAY_S, gt=0)
    popularity_half_lives_s: tuple[float, float, float, float] = (
        7 * DAY_S,
        DAY_S,
        90 * DAY_S,
        365 * DAY_S,
    )
    popular_kept: int = Field(1_000, ge=1)
    pair_distance: int = Field(20, ge=1, le=200)
    pair_window_s: float = Field(90 * DAY_S, gt=0)
    neighbours_kept: int = Field(200, ge=1)
    interaction_weights: InteractionWeights = InteractionWeights()
