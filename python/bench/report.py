"""The table of what was measured, beside the targets."""

import statistics
from dataclasses import dataclass

from side import Side

VENDORS = {"anthropic", "openai", "google.genai", "fastmcp"}


@dataclass
class Row:
    """A line of the table."""

    figure: str
    ours: str
    peer: str
    ratio: str = ""
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Unit:
    """How a value is written: times `factor`, with so many digits, and what stands behind it."""

    factor: float
    digits: int
    name: str

    def write(self, value: float) -> str:
        """Write a value; digits that say nothing are left out."""
        scaled = value * self.factor
        return f"{scaled:.{self.digits if scaled < 100 else 0}f}{self.name}"

    def limit(self, value: float) -> str:
        """Write a target."""
        return f"≤ {value * self.factor:g}{self.name}"


MILLISECONDS = Unit(1e3, 2, " ms")
SECONDS = Unit(1, 2, " s")
MEGABYTES = Unit(1e-6, 1, " MB")
PERCENT = Unit(100, 2, " %")
TIMES = Unit(1, 2, " ×")
NUMBER = Unit(1, 0, "")


@dataclass
class Table:
    """Lines that compare our figures with the other side's."""

    ours: Side
    peer: Side

    def middles(self, name: str) -> list[float]:
        """Ours and theirs; the medians where there are several."""
        values = [side.figures[name] for side in (self.ours, self.peer)]
        return [statistics.median(v) if isinstance(v, list) else v for v in values]

    def row(
        self,
        figure: str,
        pair: str | list[float],
        unit: Unit = MILLISECONDS,
        limit: float | None = None,
    ) -> Row:
        """Compare two values, or the medians of a figure; ours meets the target up to `limit`."""
        ours, peer = self.middles(pair) if isinstance(pair, str) else pair
        row = Row(figure, unit.write(ours), unit.write(peer))
        if min(ours, peer) > 0 and unit != TIMES:
            row.ratio = TIMES.write(ours / peer)
        if limit is not None:
            row.target, row.met = unit.limit(limit), ours <= limit
        return row

    def tracebacks(self, name: str) -> Row:
        """How many stops left one in the output."""
        ours, peer = (sum(side.figures[name]) for side in (self.ours, self.peer))
        return Row("  tracebacks at it", str(ours), str(peer), "", "none", ours == 0)

    def life(self) -> list[Row]:
        """Import, start and stop."""
        loaded = [
            ", ".join(side.figures["import_loaded"]) or "none" for side in (self.ours, self.peer)
        ]
        clean = not VENDORS & set(self.ours.figures["import_loaded"])
        return [
            self.row("import mesh, one tool declared: CPU", "import_cpu", limit=0.08),
            Row("  loaded by it", *loaded, "", "no FastMCP, no vendor", clean),
            self.row("  an agent with auto_run=False: CPU", "embed_cpu"),
            self.row("import of FastMCP: wall", "fastmcp_import"),
            self.row("agent start until registered: wall", "start"),
            self.row("  beyond the import of FastMCP", "start_over_fastmcp", limit=0.15),
            self.row("  CPU until then", "start_cpu"),
            self.row("    beyond that of the import", "start_cpu_over_fastmcp"),
            self.row("agent stop: wall", "stop", limit=0.3),
            self.tracebacks("stop_traceback"),
        ]

    def idle(self) -> list[Row]:
        """An agent that nobody asks, beside FastMCP alone in the same environment."""

        def beyond(figure: str) -> list[float]:
            agent, alone = self.middles(f"idle_{figure}"), self.middles(f"fastmcp_{figure}")
            return [one - other for one, other in zip(agent, alone, strict=True)]

        return [
            self.row("idle FastMCP without a mesh: RSS", "fastmcp_rss", MEGABYTES),
            self.row("idle agent: RSS", "idle_rss", MEGABYTES),
            self.row("  beyond FastMCP", beyond("rss"), MEGABYTES, 8e6),
            self.row("    without pages of files", beyond("anonymous"), MEGABYTES),
            self.row("idle agent: PSS", "idle_pss", MEGABYTES),
            self.row("  beyond FastMCP", beyond("pss"), MEGABYTES),
            self.row("idle agent: threads beyond FastMCP", beyond("threads"), NUMBER, 3),
            self.row("idle FastMCP: CPU", "fastmcp_cpu_share", PERCENT),
            self.row("idle agent: CPU", "idle_cpu_share", PERCENT),
            self.row("  beyond FastMCP", beyond("cpu_share"), PERCENT, 0.001),
        ]

    def traffic(self) -> list[Row]:
        """Calls and jobs."""
        beside = [
            injected / raw
            for injected, raw in zip(self.middles("injected"), self.middles("raw"), strict=True)
        ]
        return [
            self.row("raw socket call, FastMCP without a mesh: p50", "raw_plain"),
            self.row("raw socket call, tool of an agent: p50", "raw"),
            self.row("injected call of the same tool: p50", "injected", limit=0.0025),
            self.row("  beside the raw call", beside, TIMES, 1.3),
            self.row("  client CPU", "call_cpu", limit=0.0004),
            # Every call of another agent is served by FastMCP: what bypasses it is not built.
            Row("  past FastMCP's session", "no such path", "no such path", "", "≤ 0.6 ms", False),
            self.row("injected call of a tool of the same agent: p50", "self"),
            self.row("agent stop after outbound calls: wall", "stop_after_calls", limit=0.3),
            self.tracebacks("stop_after_calls_traceback"),
            self.row("job submitted until its handler begins: p50", "job_begins", limit=0.05),
        ]

    def recovery(self) -> list[Row]:
        """After outages of the registry."""
        slowest = [max(side.figures["recovered_wired"]) for side in (self.ours, self.peer)]
        return [
            self.row("registry back until a consumer is listed", "recovered_listed", SECONDS),
            self.row("  until its calls reach a new provider", "recovered_wired", SECONDS, 2),
            self.row("  the slowest of these", slowest, SECONDS),
        ]

    def installation(self) -> list[Row]:
        """A fresh environment."""
        return [
            self.row("fresh environment: packages", "installed_packages", NUMBER),
            self.row("  size, without bytecode", "installed_bytes", MEGABYTES),
            self.row("  first start until registered: wall", "first_start"),
            self.row("  CPU until then", "first_start_cpu"),
        ]

    def meshctl(self) -> Row:
        """Our command line, which the other side has none of."""
        took = statistics.median(self.ours.figures["meshctl_start"])
        limit = statistics.median(self.ours.figures["start"]) + 0.2
        target = f"≤ agent start + 200 ms = {MILLISECONDS.write(limit)}"
        figure = "meshctl start -d until listed: wall"
        return Row(figure, MILLISECONDS.write(took), "", "", target, took <= limit)


def rows(ours: Side, peer: Side) -> list[Row]:
    """Make the table of what was measured."""
    table = Table(ours, peer)
    # By what each part measures last.
    parts = {
        "stop_traceback": table.life,
        "idle_cpu_share": table.idle,
        "job_begins": table.traffic,
        "recovered_wired": table.recovery,
        "first_start_cpu": table.installation,
    }
    both = ours.figures.keys() & peer.figures.keys()
    lines = [line for figure, part in parts.items() if figure in both for line in part()]
    if {"meshctl_start", "start"} <= ours.figures.keys():
        lines.append(table.meshctl())
    return lines


def render(lines: list[Row], peer: str) -> str:
    """Align the lines."""
    cells = [["figure", "ours", peer, "ratio", "target", ""]]
    verdicts = {None: "", True: "met", False: "MISSED"}
    cells += [[r.figure, r.ours, r.peer, r.ratio, r.target, verdicts[r.met]] for r in lines]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
