"""Pushing and pulling folders with a progress bar; `wutong data`, `wutong model` and `wutong code` share it."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, client
from wutong.cli.show import Stop
from wutong.sdk import data, transfer
from wutong.sdk.client import Client
from wutong.sdk.data import RepoKind, Version

MOST_FILES = 50

Ref = Annotated[str, typer.Argument(help="`name`, `name@3`, or `<tenant>/name@3` for a published one.")]


def push_folder(centre: Client, path: Path, kind: RepoKind, name: str, *, licence: str = "proprietary", note: str = "") -> transfer.Pushed:
    """Push a folder or file as a version, with a bar; says what is not there in words."""
    if not path.exists():
        raise Stop(f"There is no file or folder {path}.")
    with show.progress_bar() as bar:
        task = bar.add_task(f"push {name}", total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return transfer.push(centre, path, kind=kind, name=name, licence=licence, note=note, progress=tell)


def code_reference(centre: Client, code: str, *, base: Path) -> str:
    """Return a code reference: a folder is pushed as a version first."""
    folder = base / code
    if not folder.is_dir():
        if code.startswith((".", "/")):
            raise Stop(f"There is no folder {folder} to push as code. Name one that is there, or a code version such as trainer@2.")
        return code
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name) or "code"
    pushed = push_folder(centre, folder, RepoKind.CODE, name)
    return f"{name}@{pushed.version.number}"


def commands(kind: RepoKind, word: str) -> typer.Typer:
    """Build the commands of one kind of repository: push, pull, ls, show, rm, publish."""
    app = typer.Typer(help=f"Push, pull and list {word}s: immutable versions of files.", no_args_is_help=True)
    of = Repositories(kind, word)
    for command in (of.push, of.pull, of.ls, of.show, of.rm, of.publish):
        app.command()(command)
    return app


@dataclass(frozen=True, slots=True)
class Repositories:
    """The commands of one kind of repository; `word` is what people call one."""

    kind: RepoKind
    word: str

    def push(
        self,
        path: Annotated[Path, typer.Argument(help="Folder or file.")],
        name: Annotated[str | None, typer.Option(help="Name; the folder's own by default.")] = None,
        licence: Annotated[str, typer.Option(help="SPDX identifier such as CC-BY-4.0, or `proprietary`.")] = "proprietary",
        note: Annotated[str, typer.Option(help="What is new in this version.")] = "",
        as_json: Json = False,
    ) -> None:
        """Push a folder as a new version. Content the centre has already is not sent again."""
        with client() as centre:
            pushed = push_folder(centre, path, self.kind, name or path.resolve().name, licence=licence, note=note)
        version = pushed.version
        whole = f"{show.count(version.file_count, 'file')}, {show.size(version.size_bytes)}"
        sent = f"{show.count(pushed.sent_files, 'file')}, {show.size(pushed.sent_bytes)}"
        told = {**version.model_dump(mode="json"), "sent_files": pushed.sent_files, "sent_bytes": pushed.sent_bytes}
        show.outcome(told, f"{show.cell(pushed.name)}@{version.number}  {whole}; sent {sent}", as_json=as_json)

    def pull(
        self,
        ref: Ref,
        to: Annotated[Path | None, typer.Argument(help="Folder to pull into; one named after it by default.", show_default=False)] = None,
    ) -> None:
        """Pull a version into a folder. Whole files that are there already are not fetched again; broken-off ones go on."""
        with client() as centre:
            version = data.resolve(centre, self.kind, ref)
            folder = to or Path(ref.rpartition("/")[2].partition("@")[0])
            with show.progress_bar() as bar:
                task = bar.add_task(f"pull {show.cell(ref)}", total=version.size_bytes)
                transfer.pull(centre, version, folder, progress=lambda done, total: bar.update(task, completed=done, total=total))
        show.out.print(f"{show.count(version.file_count, 'file')}, {show.size(version.size_bytes)} in {show.cell(folder)}")

    def ls(
        self,
        public: Annotated[bool, typer.Option("--public", help="List what others have published, too.")] = False,
        search: Annotated[str | None, typer.Option(help="Only names with this in them.")] = None,
        as_json: Json = False,
    ) -> None:
        """List repositories."""
        with client() as centre:
            found = list(data.list_repos(centre, self.kind, public=public, search=search))
        rows = [(r.name, r.visibility, r.licence, r.tenant_id, r.created_at) for r in found]
        show.listing(found, ("NAME", "VISIBLE", "LICENCE", "?TENANT", "?CREATED"), rows, empty=f"No {self.word}s yet.", as_json=as_json)

    def show(self, ref: Ref, as_json: Json = False) -> None:
        """Show a version: size, digest, where it came from, its files."""
        with client() as centre:
            version = data.resolve(centre, self.kind, ref)
            files = list(data.list_files(centre, version.id, most=MOST_FILES))
        if as_json:
            show.print_json({**version.model_dump(mode="json"), "files": [f.model_dump() for f in files]})
            return
        describe(version)
        show.table(("FILE", ">SIZE", "?SHA-256"), [(f.path, show.size(f.size_bytes), f.sha256[:16]) for f in files], empty="No files.")
        if version.file_count > len(files):
            show.out.print(f"[dim]and {show.count(version.file_count - len(files), 'more file')}[/dim]")

    def rm(self, ref: Ref, yes: Yes = False) -> None:
        """Delete a whole repository (`name`) or one version (`name@3`). Running jobs keep what they use."""
        show.confirm(f"Delete {ref}? It cannot be undone.", yes=yes)
        with client() as centre:
            delete(centre, self.kind, ref)
        show.out.print(f"{show.cell(ref)} is deleted.")

    def publish(
        self,
        name: Annotated[str, typer.Argument(help="Name of the repository.")],
        private: Annotated[bool, typer.Option("--private", help="Take it back.")] = False,
    ) -> None:
        """Let every tenant of the centre read it."""
        with client() as centre:
            repo = data.set_visibility(centre, data.get_repo(centre, self.kind, name).id, "private" if private else "public")
        show.out.print(f"{show.cell(repo.name)} is {repo.visibility}.")


def delete(centre: Client, kind: RepoKind, ref: str) -> None:
    """Delete a version, or the whole repository when no version is named."""
    name, _, number = ref.partition("@")
    if number:
        data.delete_version(centre, data.resolve(centre, kind, ref).id)
    else:
        data.delete_repo(centre, data.get_repo(centre, kind, name).id)


def told(value: Any) -> str:
    """Say one part of a lineage: references and names rather than digests, which --json tells."""
    if isinstance(value, list) and all(isinstance(item, dict) and "ref" in item for item in value):
        return ", ".join(f"{item.get('kind', '')} {item['ref']}".strip() for item in value)
    if isinstance(value, dict) and "name" in value:
        return str(value["name"])
    return shlex.join(map(str, value)) if isinstance(value, list) else str(value)


def describe(version: Version) -> None:
    """Print the facts of a version, with its lineage."""
    lineage = [(f"made by {name}".replace("_", " "), told(value)) for name, value in sorted(version.lineage.items())]
    facts = [("version", version.number), ("files", version.file_count), ("size", show.size(version.size_bytes)), ("digest", version.digest)]
    show.facts([*facts, ("note", version.note), ("created", version.created_at), *lineage])
