"""Where `async def` tools run: in the program's event loop, or beside it."""
