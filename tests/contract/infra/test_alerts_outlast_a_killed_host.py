"""Alerts ask for what is measured; the one on the oldest image stays silent over what Azure does by itself."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ALERTS = ROOT / "infra" / "app" / "alerts.bicep"
METRICS = ROOT / "function_app" / "telemetry" / "providers.py"
GUIDE = ROOT / "docs" / "deploy.md"
# Seconds, recorded on Functions host 4.1037 / Storage 5.3.10: a blob under way comes again ten minutes after its
# delivery began (an activity after five), a killed host answers again after 49, an idle queue is looked at once a
# minute at the latest.
BLOB_IS_HIDDEN, START, IDLE_QUEUE = 600, 49, 60
MARGIN = 60


def test_an_image_that_was_under_way_when_its_host_was_killed_raises_no_alarm() -> None:
    [threshold] = re.findall(r"^param oldestWaitingSeconds int = (\d+)$", ALERTS.read_text(), re.MULTILINE)
    assert int(threshold) >= BLOB_IS_HIDDEN + START + IDLE_QUEUE + MARGIN


def test_every_alert_asks_for_a_metric_that_the_app_measures_and_stands_in_the_guide() -> None:
    asked = Counter(re.findall(r'query: \'customMetrics \| where name == "([\w.]+)"', ALERTS.read_text()))
    measured = set(re.findall(r'= "(pipeline\.\w+)"', METRICS.read_text()))
    in_the_guide = {
        metric: len(alerts.split(";"))  # "any failed in 30 minutes; over 20 % rejected" are two
        for metric, alerts in re.findall(
            r"^\| `(pipeline\.\w+)` \|.*\| ([^|]*?) ?\|$", GUIDE.read_text(), re.MULTILINE
        )
        if alerts
    }
    assert asked.keys() <= measured
    assert asked == in_the_guide, "docs/deploy.md names each alert beside its metric"
