"""One whole centre, real in every part, for the stories of this folder."""

from tests.flows.fixtures import centre, finance, newcomer, stranger, tenant

__all__ = ["centre", "finance", "newcomer", "stranger", "tenant"]
