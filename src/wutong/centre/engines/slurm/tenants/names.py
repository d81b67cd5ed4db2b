"""What our things are called on a cluster that others use as well. Pure: the same tenant has the same names for good."""

import hashlib
import re
import unicodedata

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_LONGEST_LABEL = 60


def slug(text: str) -> str:
    """Return the text where Slurm can carry it as it is, else what is left of it with a hash that keeps two of them apart.

    Slurm writes account names in small letters, so `Lab` and `lab` would be one.
    """
    if _PLAIN.fullmatch(text):
        return text
    kept = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:30]
    return f"{kept or 'x'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def tenant_account(centre: str, tenant: str) -> str:
    """Return the account of a tenant."""
    return f"{centre}-{slug(tenant)}"


def project_account(centre: str, tenant: str, project: str) -> str:
    """Return the account of a tenant's project. The dot is in no slug, so no tenant's account looks like another's project."""
    return f"{tenant_account(centre, tenant)}.{slug(project)}"


def is_project_account(account: str) -> bool:
    """Tell a project's account from a tenant's."""
    return "." in account


def class_qos(centre: str, service_class: str) -> str:
    """Return the quality of service (QOS) that stands for a service class."""
    return f"{centre}-{service_class}"


def label(text: str) -> str:
    """Return a description as Slurm's programs carry it unharmed: letters and digits of any script, single spaces and a few signs.

    Quotes, bars, commas, colons and line ends mean something to sacctmgr, in its files or in its answers.
    """
    folded = unicodedata.normalize("NFC", text)
    kept = "".join(sign if sign.isalnum() or sign in "-_.()（）·" else " " for sign in folded)
    return " ".join(kept.split())[:_LONGEST_LABEL].strip()


def same_label(seen: str, wanted: str) -> bool:
    """Tell whether a description is the wanted one.

    `sacctmgr add` writes small letters, and a database that is not UTF-8 throughout gives `?` for what it could not keep.
    """
    seen, wanted = seen.lower(), wanted.lower()
    return seen == wanted or ("?" in seen and _blurred(seen) == _blurred(wanted))


def _blurred(text: str) -> str:
    return re.sub(r"(?:\?|[^\x00-\x7f])+", "?", text)
