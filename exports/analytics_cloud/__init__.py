"""The door to the outside: everything that speaks to Analytics Cloud (`analytics-cloud-api.md`).

``client`` asks, ``replies`` are the only answers it gives, ``origins`` says where a token may go.
No Django, no Celery and no settings here: all is handed in.
"""
