"""A device in the browser: is it well, does it keep up, what does not answer, what is asked of it.

Against a played gateway: no demo PLC falls behind or has holes in its registers.
"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.fake import NOW, Gateway, Json, RefusalError, listing, tag


def device(**changes: Json) -> Json:
    """A row of GET /devices/PLC1 that falls behind at 250 ms."""
    rates = [
        {"rate_ms": 250, "tags": 40, "requests": 2, "ideal_interval_ms": 250, "actual_interval_ms": 412.3,
         "overload_percent": 165, "queue_ms": 12.1, "response_ms": 3.4},
        {"rate_ms": 1000, "tags": 380, "requests": 9, "ideal_interval_ms": 1000, "actual_interval_ms": 1000.2,
         "overload_percent": 12, "queue_ms": 2, "response_ms": 3.4},
    ]  # fmt: skip
    bad = [
        {"address": "HR41", "path": "[default]Level", "quality": 519, "reason": "illegal data address",
         "next_try_at": NOW + 3_600_000},
        {"address": "3.HRF300", "path": "[default]Speed", "quality": 522, "reason": "unit 3 is silent",
         "next_try_at": None},
    ]  # fmt: skip
    return {
        "name": "PLC1", "driver": "modbus_tcp", "host": "10.0.0.7", "port": 502, "unit_id": 1, "enabled": True,
        "health": "ok", "state": "Connected", "reason": "", "next_step": "", "since": NOW - 5_000_000, "tags": 420,
        "tags_bad": 2, "overload_percent": 165, "requests_per_second": 12.5, "response_ms": 3.42,
        "options": {"timeout": 2, "zero_based": False}, "rates": rates, "bad": bad, "bad_count": 2,
        "units": [
            {"unit": 1, "state": "answering", "tags": 418, "bad": 1},
            {"unit": 3, "state": "silent", "tags": 2, "bad": 1},
        ],
    } | changes  # fmt: skip


def request(start: int, count: int, function: int = 3, unit: int = 1, rate: int = 1000) -> Json:
    return {
        "rate_ms": rate, "unit": unit, "function": function, "start": start, "count": count, "tags": count // 2,
        "gap_registers": count // 10, "first": f"HR{start + 1}", "last": f"HR{start + count}", "why": "no more tags",
        "requests": 1,
    }  # fmt: skip


def serve(played: Gateway, found: Json, requests: list[Json]) -> None:
    played.answers["GET /devices/PLC1"] = lambda *_: found
    metadata = {"total": len(requests), "matching": len(requests), "limit": 1000, "offset": 0}
    played.answers["GET /devices/PLC1/plan"] = lambda *_: {"requests": requests, "metadata": metadata}
    played.answers["GET /tag-groups"] = lambda *_: {"items": groups()}


def groups() -> list[Json]:
    row = {
        "name": "default", "rate": 1.0, "mode": "direct", "driving_tag": "", "condition": "", "driven_rate": None,
        "one_shot": False, "leased_rate": None, "read_after_write": False, "optimistic_writes": False,
        "optimistic_write_timeout": 5.0, "tags": 380, "now": {"rate": 1.0, "why": "its rate"},
    }  # fmt: skip
    driven = {
        "name": "Fast", "rate": 10.0, "mode": "driven", "driving_tag": "[default]Running", "condition": "= true",
        "driven_rate": 0.25, "tags": 40, "now": {"rate": 0.25, "why": "Running is true"},
    }  # fmt: skip
    return [row, row | driven]


def test_a_device_tells_what_is_slow_what_is_bad_and_what_it_is_asked(played: Gateway, page: Page) -> None:
    played.tags = [tag("[default]Devices/PLC1/Rates/250 ms/OverloadFactor", 160.0)]
    plan = [
        request(0, 125),
        request(130, 40, rate=250),
        request(5_000, 60),
        request(0, 300, function=1),
        request(299, 2, unit=3),
    ]
    serve(played, device(), plan)
    played.open("/devices/PLC1")
    expect(page.get_by_test_id("device-state")).to_have_attribute("data-health", "ok")
    fast = page.locator('[data-testid=device-rate][data-rate="250"]')
    expect(fast).to_contain_text("412.3 ms")
    expect(fast).to_contain_text("165 %")
    expect(page.get_by_text("keep up", exact=False).first).to_be_visible()
    bad = page.get_by_test_id("bad-register")
    expect(bad).to_have_count(2)
    expect(bad.first).to_contain_text("illegal data address")
    expect(bad.first).to_contain_text(re.compile(r"in 3[56]\d\d s"))
    expect(page.locator('[data-testid=device-unit][data-unit="3"]')).to_contain_text("silent")

    maps = page.get_by_test_id("register-map")
    expect(maps).to_have_count(3)
    holding = page.locator('[data-testid=register-map][data-unit="1"][data-function="3"]')
    expect(holding.locator("rect.block")).to_have_count(3)
    expect(holding.locator("rect.bad")).to_have_count(1)
    expect(holding).to_contain_text(re.compile("4.736 not read"))
    page.get_by_text("As a table (5)").click()
    expect(page.get_by_role("region", name="Request plan").get_by_role("row")).to_have_count(6)
    bad.first.get_by_role("link", name="Level").click()
    expect(page).to_have_url(re.compile("/tags"))
    assert [text for text in played.told if "404" not in text] == []


def test_a_silent_device_says_what_to_do_next(played: Gateway, page: Page) -> None:
    away = device(
        health="failed", state="No answer", reason="connection refused by 10.0.0.7:502", next_step="check that it runs",
        rates=[], bad=[], bad_count=0, units=[], overload_percent=None, response_ms=None,
    )  # fmt: skip
    serve(played, away, [])
    page.set_viewport_size({"width": 360, "height": 740})
    played.open("/devices/PLC1")
    expect(page.get_by_test_id("device-reason")).to_contain_text("Next: check that it runs")
    expect(page.get_by_text("Nothing is read")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_an_unknown_device_is_told_with_its_code(played: Gateway, page: Page) -> None:
    played.open("/devices/PLC99")
    expect(page.get_by_role("alert").filter(has_text="WEB-404").first).to_be_visible()
    expect(page.get_by_role("heading", name="PLC99")).to_be_visible()


def test_tag_groups_tell_their_rate_and_are_changed(played: Gateway, page: Page) -> None:
    serve(played, device(), [])
    refused = {"path": "", "key": "rate", "message": "5 min is longer than an hour allows", "hint": "", "code": "CFG-1"}

    def put(_: Json, body: Json) -> Json:
        if body["rate"] == "5min":
            raise RefusalError(409, "the group can't be changed like this", "CFG-210", errors=[refused])
        return {"revision": 2}

    played.answers["PUT /tag-groups/Fast"] = put
    played.open("/devices")
    row = page.locator('[data-testid=tag-group][data-name="Fast"]')
    expect(row).to_contain_text("250 ms")
    expect(row).to_contain_text("Running is true")
    row.get_by_role("link", name="Fast").click()
    rate = page.get_by_test_id("group-rate")
    expect(rate).to_have_value("10s")
    rate.fill("5min")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("differences").get_by_role("row")).to_have_count(2)
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("entry-errors")).to_contain_text("longer than an hour")
    rate.fill("20s")
    page.get_by_test_id("form-submit").click()
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert played.bodies("PUT /tag-groups/Fast")[-1]["rate"] == "20s"


def test_devices_lead_to_their_pages(played: Gateway, page: Page) -> None:
    serve(played, device(), [])
    part = {
        "kind": "device", "name": "PLC1", "health": "ok", "state": "Connected", "since": NOW, "reason": "",
        "next_step": "", "details": {"host": "10.0.0.7", "port": 502},
    }  # fmt: skip
    played.parts = [part]
    played.answers["GET /devices"] = lambda query, _: listing([device()], query)
    played.open("/devices")
    page.get_by_test_id("device").get_by_role("link", name="PLC1").click()
    expect(page.get_by_test_id("device-state")).to_be_visible()
    page.get_by_role("link", name="Devices").last.click()
    expect(page.get_by_test_id("device")).to_be_visible()
