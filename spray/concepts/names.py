"""What people call channels of hidden layers, kept in the project as `concepts.json`."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from spray.files import ProjectError, as_json, from_json, locked, within, write_text

FILE = "concepts.json"
LONGEST, PATIENCE = 200, 10  # characters of a name; seconds to wait for the project's lock


def concept_names(project: str | PathLike[str]) -> dict[str, dict[int, str]]:
    """Layer -> channel -> its name.

    Args:
        project: Its folder.

    Raises:
        ProjectError: The file is not one of ours, or is a link out of the project.

    Example:
        >>> concept_names("none")
        {}
    """
    root = Path(project)
    file = within(root / FILE, root)
    try:
        content = from_json(file.read_text(encoding="utf-8"), file)["names"]
        return {str(layer): _checked(names) for layer, names in content.items()}
    except FileNotFoundError:
        return {}
    except ProjectError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProjectError(f"{file} cannot be read ({error!r}): repair it or move it away") from error


def _checked(names: Mapping[str, object]) -> dict[int, str]:
    return {int(channel): str(name)[:LONGEST] for channel, name in names.items()}


def name_concept(project: str | PathLike[str], layer: str, channel: int, name: str) -> None:
    """Give a channel a name; an empty one takes it away.

    Args:
        project: Its folder.
        layer: Of the channel.
        channel: Its number.
        name: At most 200 characters.

    Raises:
        ValueError: The name is too long.
        ProjectError: The file is not one of ours, or cannot be written.

    Example:
        >>> import tempfile
        >>> project = tempfile.mkdtemp()
        >>> name_concept(project, "4", 17, "red box")
        >>> concept_names(project)
        {'4': {17: 'red box'}}
    """
    root, name = Path(project), name.strip()
    if len(name) > LONGEST:
        raise ValueError(f"a name has at most {LONGEST} characters")
    try:
        with locked(root, PATIENCE):
            names = concept_names(root)
            changed = {**names.get(layer, {}), channel: name}
            names[layer] = {key: text for key, text in sorted(changed.items()) if text}
            kept = {key: {str(channel): text for channel, text in each.items()} for key, each in names.items() if each}
            write_text(root / FILE, as_json({"names": kept}, indent=1), root)
    except OSError as error:
        raise ProjectError(f"names of concepts cannot be kept in {root}: {error}") from error
