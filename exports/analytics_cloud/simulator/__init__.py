"""The Analytics Cloud export API as a small real HTTP server, true to the contract, with its faults on switches.

For tests and the demo: `Simulator(port=0, rhythm=1.0, duration=0.2, rows=200, tokens={"acme": "acmetoken"})`.
On its own: `manage.py simulator --port 8099`. The source of every fact is analytics-cloud-api.md.
"""

from exports.analytics_cloud.simulator.archive import Made
from exports.analytics_cloud.simulator.clock import RunningClock, VirtualClock
from exports.analytics_cloud.simulator.faults import Fault, Faults
from exports.analytics_cloud.simulator.log import Entry
from exports.analytics_cloud.simulator.simulator import Simulator

__all__ = ["Entry", "Fault", "Faults", "Made", "RunningClock", "Simulator", "VirtualClock"]
