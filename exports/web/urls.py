"""Addresses of the pages (design.md §6); `lacportal.urls` includes them at the root."""

from django.urls import path

from exports.web.views import account, asking, audit, desk, export, members, tokens, watching, workspaces

urlpatterns = [
    path("", desk.export_list, name="export-list"),
    path("exports/new/", asking.export_new, name="export-new"),
    path("exports/new/preview/", asking.export_preview, name="export-preview"),
    path("exports/<uuid:pk>/", export.export_detail, name="export"),
    path("exports/<uuid:pk>/download/", export.download, name="export-download"),
    path("exports/<uuid:pk>/cancel/", export.cancel_export, name="export-cancel"),
    path("exports/<uuid:pk>/run-again/", export.run_again, name="export-run-again"),
    path("exports/<uuid:pk>/extend/", export.extend_export, name="export-extend"),
    path("exports/<uuid:pk>/delete/", export.delete_file, name="export-delete"),
    path("workspaces/", workspaces.workspace_list, name="workspace-list"),
    path("workspaces/new/", workspaces.workspace_new, name="workspace-new"),
    path("workspaces/<uuid:pk>/", workspaces.workspace_detail, name="workspace"),
    path("workspaces/<uuid:pk>/settings/", workspaces.workspace_settings, name="workspace-settings"),
    path("workspaces/<uuid:pk>/pause/", workspaces.workspace_pause, name="workspace-pause"),
    path("workspaces/<uuid:pk>/resume/", workspaces.workspace_resume, name="workspace-resume"),
    path("workspaces/<uuid:pk>/token/", tokens.token_set, name="workspace-token"),
    path("workspaces/<uuid:pk>/token/test/", tokens.token_test_view, name="workspace-token-test"),
    path("workspaces/<uuid:pk>/token/forget/", tokens.token_forget, name="workspace-token-forget"),
    path("workspaces/<uuid:pk>/members/", members.member_add, name="member-add"),
    path("workspaces/<uuid:pk>/members/<uuid:person>/", members.member_change, name="member-change"),
    path("workspaces/<uuid:pk>/members/<uuid:person>/remove/", members.member_remove, name="member-remove"),
    path("workspaces/<uuid:pk>/audit/", audit.workspace_audit, name="workspace-audit"),
    path("workspaces/<uuid:pk>/audit/csv/", audit.workspace_audit_file, {"format": "csv"}, name="workspace-audit-csv"),
    path(
        "workspaces/<uuid:pk>/audit/jsonl/",
        audit.workspace_audit_file,
        {"format": "jsonl"},
        name="workspace-audit-jsonl",
    ),
    path("audit/", audit.audit, name="audit"),
    path("audit/csv/", audit.audit_file, {"format": "csv"}, name="audit-csv"),
    path("audit/jsonl/", audit.audit_file, {"format": "jsonl"}, name="audit-jsonl"),
    path("account/", account.account, name="account"),
    path("account/tokens/", account.api_token_make, name="api-token-make"),
    path("account/tokens/<uuid:pk>/revoke/", account.api_token_revoke, name="api-token-revoke"),
    path("language/", account.set_language, name="set-language"),
    path("health/live", watching.live, name="health-live"),
    path("health/ready", watching.ready, name="health-ready"),
]
