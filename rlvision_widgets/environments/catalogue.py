"""What the things of the sixteen games are called, and in which colour they are marked.

Numbers of Procgen 0.10.7 (Cobbe et al. 2020), read from its source. Twelve classes are the same in every game; a game's
own follow them. A thing that a game does not know is called by its picture, as a reader of the frame would call it: a
saw that an edit made harmless by an unused type still is a "saw".
"""

from collections.abc import Mapping
from types import MappingProxyType

from rlvision_widgets.environments.games import EXPLOSION, GAMES, NOTHING, SPACE
from rlvision_widgets.names import unknown

__all__ = [
    "CLASSES",
    "class_of_cell",
    "class_of_entity",
    "classes_of",
    "colour_of",
    "objects_of",
    "only_fills_cells",
    "overlay_classes",
]

CLASSES = (
    *("background", "wall", "lava", "coin", "cheese", "crate", "saw", "enemy", "agent", "trail", "velocity", "other"),
)

EXPLOSIONS = range(EXPLOSION, EXPLOSION + 5)
TRAIL = 59

_ENTITIES: dict[str, dict[int, str]] = {
    "bigfish": {2: "fish"},
    "bossfight": {
        **{1: "player_bullet", 2: "boss", 3: "shield", 4: "boss_bullet", 5: "laser_trail", 6: "reflected_bullet"},
        7: "barrier",
    },
    "caveflyer": {1: "goal", 2: "obstacle", 3: "target", 4: "player_bullet", 5: "enemy", 9: "exhaust"},
    "chaser": {2: "large_orb", 4: "egg", 6: "enemy"},
    "climber": {1: "coin", 5: "enemy"},
    "coinrun": {2: "saw", 5: "enemy", 20: "crate"},
    "dodgeball": {
        **{1: "lava_wall", 3: "player_ball", 4: "enemy", 5: "door", 6: "enemy_ball", 7: "open_door"},
        8: "dust_cloud",
    },
    "fruitbot": {
        **{1: "barrier", 3: "thrown_key", 4: "bad_food", 7: "fruit", 10: "locked_door", 11: "lock", 12: "present"},
    },
    "heist": {1: "locked_door", 2: "key", 9: "exit", 11: "held_key"},
    "jumper": {1: "carrot", 2: "spike"},
    "leaper": {1: "log", 4: "car", 5: "finish_line"},
    "maze": {},
    "miner": {5: "enemy", 6: "exit"},
    "ninja": {1: "mushroom", 7: "throwing_star"},
    "plunder": {1: "player_bullet", 2: "target_legend", 3: "target_background", 6: "panel", 7: "ship"},
    "starpilot": {
        **{1: "player_bullet", 2: "enemy_bullet", 3: "homing_bullet", 4: "flyer", 5: "meteor", 6: "cloud"},
        **{7: "turret", 8: "fast_flyer", 9: "finish_line"},
    },
}

_CELLS: dict[str, dict[int, str]] = {
    "caveflyer": {8: "wall"},
    "chaser": {5: "wall", 1002: "orb"},
    "climber": {15: "wall", 16: "wall"},
    "coinrun": {1: "coin", 15: "wall", 16: "wall", 17: "lava", 18: "lava"},
    "dodgeball": {10: "wall"},
    "fruitbot": {2: "wall"},
    "heist": {51: "wall"},
    "jumper": {6: "wall", 7: "wall"},
    "leaper": {2: "road", 3: "water"},
    "maze": {2: "cheese", 51: "wall"},
    "miner": {1: "boulder", 2: "diamond", 3: "boulder", 4: "diamond", 9: "dirt", 10: "wall"},
    "ninja": {6: "bomb", 14: "fire", 20: "wall"},
}

_IMAGES: dict[str, dict[int, str]] = {  # pictures that are no type of the game's
    "chaser": {3: "enemy", 7: "enemy", 8: "enemy"},
    "climber": {6: "enemy", 7: "enemy", **dict.fromkeys((9, 12, 13), "agent")},
    "coinrun": {3: "saw", 6: "enemy", 7: "enemy", **dict.fromkeys((9, 12, 13), "agent")},
    "jumper": dict.fromkeys(range(9, 14), "agent"),
    "ninja": dict.fromkeys((9, 12, 13), "agent"),
}

_OVERLAYS = {"jumper": ("compass",), "ninja": ("jump_charge",), "plunder": ("status_bar",)}

# The common classes in Okabe and Ito's colours and tints of them, a game's own in ones like Tol's "muted", which can be
# told apart with every kind of colour vision. Two names share a colour where no game has both.
_COLOURS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "#FFFFFF": ("background",),
        "#999999": ("wall",),
        "#D55E00": ("lava",),
        "#F0E442": ("coin",),
        "#E69F00": ("cheese",),
        "#C9A66B": ("crate",),
        "#CC79A7": ("saw",),
        "#0072B2": ("enemy",),
        "#56B4E9": ("agent",),
        "#A6D5F2": ("trail",),
        "#009E73": ("velocity",),
        "#000000": ("other",),
        "#8C510A": (
            *("barrier", "compass", "dirt", "enemy_bullet", "key", "large_orb", "log", "obstacle", "player_ball"),
            *("target_legend", "throwing_star"),
        ),
        "#7FCDBB": (
            *("bomb", "boulder", "car", "door", "egg", "homing_bullet", "locked_door", "shield", "target"),
            "target_background",
        ),
        "#B8A800": (
            *("boss_bullet", "carrot", "enemy_ball", "exit", "finish_line", "goal", "mushroom", "orb", "panel"),
            "present",
        ),
        "#882255": (
            *("diamond", "exhaust", "fish", "flyer", "held_key", "jump_charge", "laser_trail", "open_door"),
            *("status_bar", "thrown_key"),
        ),
        "#332288": ("bad_food", "dust_cloud", "meteor", "reflected_bullet"),
        "#AA4499": ("cloud", "fruit"),
        "#F4B183": ("explosion",),
        "#117733": ("lock", "turret"),
        "#661100": ("boss", "fast_flyer", "fire", "lava_wall", "spike"),
        "#DDCC77": ("player_bullet",),
        "#6699CC": ("ship", "water"),
        "#44AA99": ("road",),
    }
)
_COLOUR = {name: colour for colour, names in _COLOURS.items() for name in names}


def _own_classes(game: str) -> tuple[str, ...]:
    found = [*_ENTITIES[game].values(), *_CELLS.get(game, {}).values(), *_OVERLAYS.get(game, ()), "explosion"]
    return tuple(name for name in dict.fromkeys(found) if name not in CLASSES)


_CLASSES = {game: CLASSES + _own_classes(game) for game in GAMES}


def classes_of(game: str) -> tuple[str, ...]:
    """Return the names of all classes of `game`; a class's code is its place in them.

    Raises
    ------
    ValueError
        When it is no game of Procgen.
    """
    if game not in _CLASSES:
        raise ValueError(unknown("environment", game, GAMES))
    return _CLASSES[game]


def objects_of(game: str) -> tuple[str, ...]:
    """Return the classes that things in worlds of `game` have: not all that games share are in each."""
    found = {"agent", "trail", "explosion", "other", *_CELLS.get(game, {}).values(), *_movable(game)}
    return tuple(name for name in classes_of(game) if name in found)


def only_fills_cells(game: str, name: str) -> bool:
    """Tell whether things of a class are cells of the grid in `game`, and never entities."""
    return name in _CELLS.get(game, {}).values() and name not in _movable(game)


def _movable(game: str) -> set[str]:
    return {*_ENTITIES[game].values(), *_IMAGES.get(game, {}).values()}


def overlay_classes(game: str) -> tuple[str, ...]:
    """Return what `game` draws over the world besides the velocity squares: a compass, a bar."""
    return _OVERLAYS.get(game, ())


def class_of_entity(game: str, kind: int, image_type: int) -> str:
    """Return the class of an entity.

    Parameters
    ----------
    game : str
    kind : int
        Its field `type`.
    image_type : int
        Its picture, which names it when the game has no such type.
    """
    classes_of(game)
    image = abs(image_type)
    for number, names in ((kind, _ENTITIES[game]), (image, _IMAGES.get(game, {})), (image, _ENTITIES[game])):
        if number in names:
            return names[number]
        if number == 0:
            return "agent"
        if number == TRAIL:
            return "trail"
        if number in EXPLOSIONS:
            return "explosion"
    return _CELLS.get(game, {}).get(image, "other")


def class_of_cell(game: str, value: int) -> str:
    """Return the class of a cell of the grid, by its value; empty cells are "background".

    A negative value shows the picture of its absolute value.
    """
    classes_of(game)
    if value in (SPACE, NOTHING) or (game == "coinrun" and abs(value) == 19):  # 19 turns enemies, unseen
        return "background"
    return _CELLS.get(game, {}).get(abs(value), "other")


def colour_of(name: str) -> str:
    """Return the colour that marks a class, as ``"#RRGGBB"``; within a game, no two classes share one.

    Raises
    ------
    ValueError
        When there is no such class.
    """
    if name not in _COLOUR:
        raise ValueError(unknown("object class", name, _COLOUR))
    return _COLOUR[name]
