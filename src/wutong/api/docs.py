"""The pages about the API: the description itself, read out as one plain page made by us. It loads nothing from anywhere else."""

from functools import lru_cache
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from wutong.sdk.jobs import JobRequest

router = APIRouter(include_in_schema=False)

POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid; padding-bottom: .25rem; }
details { margin: .35rem 0; } summary { cursor: pointer; overflow-wrap: anywhere; }
code { font-family: ui-monospace, monospace; } .method { display: inline-block; min-width: 4.2em; font-weight: 600; }
table { border-collapse: collapse; margin: .5rem 0 1rem 1.2rem; } td, th { text-align: left; padding: .15rem .9rem .15rem 0; vertical-align: top; }
.text { white-space: pre-line; margin: .4rem 0 .4rem 1.2rem; }
"""


@router.get("/api/docs")
def get_docs(request: Request) -> Response:
    """Show every route: what it does, takes and gives."""
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return Response(_page(request.app), media_type="text/html; charset=utf-8", headers=headers)


@router.get("/api/docs.css")
def get_style() -> Response:
    """Style the page."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"})


@router.get("/api/schemas/job.json")
def get_job_schema() -> dict[str, Any]:
    """Give the JSON schema of a job file, for editors that complete and check as one types."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **JobRequest.model_json_schema()}


@lru_cache(maxsize=1)
def _page(app: FastAPI) -> str:
    """Write the whole page; it is the same until the program changes."""
    spec = app.openapi()
    about = spec["info"]
    by_tag: dict[str, list[str]] = {}
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation.get("tags", ["other"])[0], []).append(_operation(path, method, operation, spec))
    contents = " · ".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in by_tag)
    sections = "".join(f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(rows)}' for tag, rows in by_tag.items())
    title = f"{escape(about['title'])} API {escape(about['version'])}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
        f'<link rel="stylesheet" href="/api/docs.css"></head><body><h1>{title}</h1><p class="text">{escape(about["description"])}</p>'
        f'<p><a href="/api/openapi.json">openapi.json</a> · {contents}</p>{sections}</body></html>'
    )


def _operation(path: str, method: str, operation: dict[str, Any], spec: dict[str, Any]) -> str:
    summary = (operation.get("description") or operation.get("summary", "")).split("\n")[0]
    fields = [(each["name"], each["in"], _type(each.get("schema", {})), each.get("description", "")) for each in operation.get("parameters", [])]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    fields += _body_fields(body, spec) if body else []
    gives = next((code for code in operation["responses"] if code.startswith("2")), "")
    model = operation["responses"].get(gives, {}).get("content", {}).get("application/json", {}).get("schema", {})
    rows = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in fields)
    table = f"<table><tr><th>name</th><th>in</th><th>type</th><th></th></tr>{rows}</table>" if rows else ""
    answer = f'<p class="text">Answers {escape(gives)}{escape(" " + _type(model) if model else "")}.</p>'
    head = f'<summary><span class="method">{method.upper()}</span> <code>{escape(path)}</code> {escape(summary)}</summary>'
    return f"<details>{head}{table}{answer}</details>"


def _body_fields(schema: dict[str, Any], spec: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    name = schema.get("$ref", "").rpartition("/")[2]
    model = spec["components"]["schemas"].get(name, schema)
    needed = set(model.get("required", []))
    return [
        (field if field in needed else f"{field} (optional)", "body", _type(about), about.get("description", ""))
        for field, about in model.get("properties", {}).items()
    ]


def _type(schema: dict[str, Any]) -> str:
    """Say a schema in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or schema.get("const") or "any")
