"""Roles and permissions: who may do what, within a tenant and for the centre, as two tables. Pure."""

from enum import StrEnum


class Role(StrEnum):
    """What a person is within one tenant."""

    OWNER = "owner"
    ADMIN = "admin"
    FINANCE = "finance"
    MEMBER = "member"
    VIEWER = "viewer"


class CentreRole(StrEnum):
    """What a person is for the centre itself."""

    OPERATOR = "operator"
    FINANCE = "finance"
    SUBSIDY = "subsidy"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """One thing somebody may do, within a tenant or for the centre."""

    TENANT_READ = "tenant.read"
    TENANT_MANAGE = "tenant.manage"
    MEMBERS_MANAGE = "members.manage"
    MONEY_READ = "money.read"
    MONEY_SPEND = "money.spend"
    BUDGET_MANAGE = "budget.manage"
    JOB_READ = "job.read"
    JOB_SUBMIT = "job.submit"
    JOB_MANAGE = "job.manage"
    DATA_READ = "data.read"
    DATA_WRITE = "data.write"
    DATA_PUBLISH = "data.publish"
    TOKEN_MANAGE = "token.manage"  # noqa: S105 - the name of a permission
    AUDIT_READ = "audit.read"
    CENTRE_READ = "centre.read"
    CENTRE_JOBS = "centre.jobs"
    CENTRE_BOOKS = "centre.books"
    CENTRE_OPERATE = "centre.operate"
    CENTRE_FINANCE = "centre.finance"
    CENTRE_SUBSIDY = "centre.subsidy"
    CENTRE_AUDIT = "centre.audit"
    CENTRE_HELP = "centre.help"


CENTRE_PERMISSIONS = frozenset(p for p in Permission if p.startswith("centre."))
TENANT_PERMISSIONS = frozenset(Permission) - CENTRE_PERMISSIONS
READ_PERMISSIONS = frozenset(p for p in TENANT_PERMISSIONS if p.endswith(".read"))

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: TENANT_PERMISSIONS,
    Role.ADMIN: TENANT_PERMISSIONS,
    Role.FINANCE: frozenset(
        {
            Permission.TENANT_READ,
            Permission.MONEY_READ,
            Permission.MONEY_SPEND,
            Permission.BUDGET_MANAGE,
            Permission.JOB_READ,
            Permission.DATA_READ,
            Permission.AUDIT_READ,
        }
    ),
    Role.MEMBER: frozenset(
        {
            Permission.TENANT_READ,
            Permission.MONEY_READ,
            Permission.JOB_READ,
            Permission.JOB_SUBMIT,
            Permission.DATA_READ,
            Permission.DATA_WRITE,
            Permission.TOKEN_MANAGE,
        }
    ),
    Role.VIEWER: frozenset({Permission.TENANT_READ, Permission.JOB_READ, Permission.DATA_READ, Permission.MONEY_READ}),
}

# What tenants run is for those who run the machines, what they paid for those who keep the books; auditors see both and change neither.
CENTRE_ROLE_PERMISSIONS: dict[CentreRole, frozenset[Permission]] = {
    CentreRole.OPERATOR: frozenset({Permission.CENTRE_READ, Permission.CENTRE_JOBS, Permission.CENTRE_OPERATE, Permission.CENTRE_HELP}),
    CentreRole.FINANCE: frozenset({Permission.CENTRE_READ, Permission.CENTRE_BOOKS, Permission.CENTRE_FINANCE, Permission.CENTRE_HELP}),
    CentreRole.SUBSIDY: frozenset({Permission.CENTRE_READ, Permission.CENTRE_SUBSIDY, Permission.CENTRE_HELP}),
    CentreRole.AUDITOR: frozenset({Permission.CENTRE_READ, Permission.CENTRE_JOBS, Permission.CENTRE_BOOKS, Permission.CENTRE_AUDIT}),
}
