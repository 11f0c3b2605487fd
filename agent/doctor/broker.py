"""One broker: name, TCP, TLS, login, and whether its access list lets us do what the agent does. Pure."""

from dataclasses import dataclass

from agent.doctor.certificates import Certificate, judge_validity
from agent.doctor.failure import Failure
from agent.doctor.verdict import Line, Verdict, lines, ok, skipped, warning, wrong

STEPS = ("dns", "tcp", "tls", "login", "acl")
"""In the order in which they are tried; none after one that failed."""


@dataclass(frozen=True, slots=True)
class Step:
    """`failure` None: it went well. `topic`: where that is the question. `ms`: how long it took."""

    name: str
    ms: int = 0
    failure: Failure | None = None
    topic: str = ""


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """`addresses`: empty when the host is one already. `certificate`: what the broker showed, trusted or not.

    `misconfigured`: why nothing could be tried.
    """

    host: str
    port: int
    steps: tuple[Step, ...]
    client_id: str = ""
    username: str | None = None
    addresses: tuple[str, ...] = ()
    certificate: Certificate | None = None
    misconfigured: str = ""

    @property
    def failed(self) -> Step | None:
        """The step that ended it."""
        return next((step for step in self.steps if step.failure is not None), None)


def judge_broker(name: str, facts: BrokerFacts, wall_ms: int) -> list[Line]:
    """One line for each step, up to the first that failed; and the certificate."""
    if facts.misconfigured:
        return lines("login", name, [wrong("broker-misconfigured", why=facts.misconfigured)])
    said: list[Line] = []
    for step in facts.steps:
        said += lines(step.name, name, [_step(step, facts)])
        if step.name == "tls" and facts.certificate is not None:
            said += lines("cert", name, [judge_validity("broker", facts.certificate, wall_ms)])
    failed = facts.failed
    if failed is not None and failed.name != "acl":
        said += lines("rest", name, [skipped("broker-rest")])
    return said


def _step(step: Step, facts: BrokerFacts) -> Verdict:
    values: dict[str, object] = {
        "host": facts.host,
        "port": facts.port,
        "where": f"{facts.host}:{facts.port}",
        "ms": step.ms,
        "addresses": ", ".join(facts.addresses),
        "client_id": facts.client_id,
        "username": facts.username or "–",
        "names": ", ".join(facts.certificate.names) if facts.certificate else "–",
        "topic": step.topic,
    }
    if step.failure is None:
        return ok(f"{step.name}-ok", **values)
    if step.failure.code == "login-client-id":  # ours is not the agent's: it may well be let in
        return warning(step.failure.code, **values)
    return wrong(step.failure.code, **values, why=step.failure.why)
