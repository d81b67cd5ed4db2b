"""How lists are asked for: `limit` and `after` in the query."""

from typing import Annotated

from fastapi import Depends, Query

from wutong.kit.paging import DEFAULT_LIMIT, MAX_LIMIT, PageRequest


async def page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.")] = DEFAULT_LIMIT,
    after: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
) -> PageRequest:
    """Read the page that is asked for."""
    return PageRequest(limit, after)


Paging = Annotated[PageRequest, Depends(page_request)]
