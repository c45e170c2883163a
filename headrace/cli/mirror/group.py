"""The table of the mirror's commands."""

from __future__ import annotations

import click

from headrace.cli.lazy import Entry, LazyGroup

COMMANDS = {
    "advisories": Entry("headrace.cli.mirror.advisories", "Import what is known to be wrong with packages.", extra="mirror"),
    "bundle": Entry("headrace.cli.mirror.bundle", "Pack what is here into a signed archive to be imported elsewhere.", "mirror"),
    "configure": Entry("headrace.cli.mirror.configure", "Show or write the settings by which pip, uv and others ask a mirror."),
    "doctor": Entry("headrace.cli.mirror.doctor", "Look where the way from a client to upstream is broken.", extra="mirror"),
    "explain": Entry("headrace.cli.mirror.explain", "Say of each file what each rule of the policy says.", extra="mirror"),
    "fsck": Entry("headrace.cli.mirror.fsck", "Read all files again, and say which are damaged."),
    "import": Entry("headrace.cli.mirror.import_bundle", "Verify a bundle, and give out what it holds.", "mirror", "import_bundle"),
    "keygen": Entry("headrace.cli.mirror.keygen", "Make a pair of keys for bundles.", extra="mirror"),
    "pull": Entry("headrace.cli.mirror.pull", "Bring what requirements resolve to, for other machines too.", extra="mirror"),
    "publishers": Entry("headrace.cli.mirror.publishers", "Who published projects at first.", extra="mirror"),
    "remove": Entry("headrace.cli.mirror.manage", "Forget the files of NAME==VERSION of your own."),
    "seed": Entry("headrace.cli.mirror.seed", "Fill the caches of tensorflow_hub and kagglehub.", extra="mirror"),
    "serve": Entry("headrace.cli.mirror.serve", "Answer pip, uv and others that speak the Simple API.", extra="mirror"),
    "unyank": Entry("headrace.cli.mirror.manage", "Take back a yank."),
    "yank": Entry("headrace.cli.mirror.manage", "Mark NAME==VERSION of your own as one that is not to be installed."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def mirror() -> None:
    """Mirror package indexes: each file is fetched once, and verified to the last byte."""
