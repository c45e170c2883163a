"""Small predict requests, answered from the callbacks of their connection, without a task and without ASGI."""
