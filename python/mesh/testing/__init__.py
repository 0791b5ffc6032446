"""A mesh in memory, for tests of agents: no registry, no ports, no other processes.

```python
async with mesh.testing.mesh() as m:
    m.provide("forecast", {"sky": "clear", "degrees": 20})
    assert "walk" in await m.call(plan_day, city="Oslo")
```
"""

from mesh.testing.agents import AgentInMemory
from mesh.testing.fakes import Fake
from mesh.testing.llms import FakeLlm, ToolCall
from mesh.testing.mesh import Mesh, mesh

__all__ = ["AgentInMemory", "Fake", "FakeLlm", "Mesh", "ToolCall", "mesh"]
