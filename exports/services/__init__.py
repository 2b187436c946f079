"""The verbs: logic lives here, one module per noun; pages, API, tasks and commands only translate."""
