"""The parts that can be tested by name, and the folder of each."""

from local.launcher.settings import SERVICES

PARTS = {
    "architecture": "tests/architecture",
    "contracts": "contracts/tests",
    "chassis": "libs/chassis/tests",
    **{service: f"services/{service}/tests" for service in SERVICES},
    "web": "web/tests",
    "local": "deploy/local/tests",
    "attacks": "tests/attacks",
    "e2e": "tests/e2e",
    "faults": "tests/faults",
}
# Not part of `./guichet test`: they take minutes, and some need Docker or disks of their own.
ON_DEMAND = {
    "accessibility": "tests/accessibility",
    "compose": "tests/compose",
    "incidents": "tests/incidents",
}
# They start every process and drive it from outside: no import shows what they depend on.
WHOLE_STACK = ("e2e", "faults")
SOURCES = {
    "contracts": "contracts/src/contracts",
    "chassis": "libs/chassis/src/chassis",
    **{service: f"services/{service}/src/{service}" for service in SERVICES},
    "web": "web/src/web",
    "local": "deploy/local/src/local",
}
