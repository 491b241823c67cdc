"""What becomes of a person's data, as officers see and decide it."""

from domain.quantities import berlin_day
from interfaces.http.erasing import CarryingOut
from tests.interfaces.http.office import Office

ERASURE, HOLD, SUBJECT = "/cases/{case}/erasure", "/cases/{case}/hold", "/cases/{case}/subject"


def closed(office: Office) -> str:
    return office.given("open_pool", "open_case", "close_case").case


def personal(office: Office, **parameters: str) -> dict[str, str | None]:
    found: dict[str, str | None] = office.get("officer", f"/cases/{office.case}", **parameters).json()["personal"]
    return found


def test_two_officers_erase_by_the_same_call(office: Office) -> None:
    """Then a look destroys the keys, nobody reads the texts, and the case says how it stands."""
    case = closed(office)
    assert personal(office)["name"] == "Kim Beispiel"
    office.when("officer", ERASURE, {"reason": "unzulässig"}).answers(202, restricted=True, erased=False)
    office.when("officer", ERASURE, {"reason": "unzulässig"}).refuses("same_officer")
    office.when("second_officer", ERASURE).answers(200, restricted=False, erased=True)
    assert set(personal(office).values()) == {None}, "the key is still there, and opens nothing"

    CarryingOut(office.service).look()

    stands = office.get("officer", f"/cases/{case}/erasure").json()
    assert stands["erased"] == stands["confirmed"] == ["identity", "file", "voucher"]
    read = office.get("officer", f"/cases/{case}/subject").json()
    texts = [text for event in read["events"] for text in event["texts"].values()]
    assert texts
    assert set(texts) == {None}
    office.when("officer", ERASURE, {"reason": "noch einmal"}).refuses("data_erased")


def test_what_is_restricted_opens_by_a_stated_exception_alone(office: Office) -> None:
    """The exception is kept with the reading; the person's own access needs none."""
    case = closed(office)
    office.when("officer", ERASURE, {"ground": "request", "reason": "Antrag der Person"}).answers(202, restricted=True)
    assert set(personal(office).values()) == {None}
    assert personal(office, exception="claims")["name"] == "Kim Beispiel"
    trail = office.get("auditor", "/audit/trail", case=case).json()["items"]
    assert any("(eingeschränkt)" in line["line"] for line in trail)

    file = office.get("officer", f"/cases/{case}/subject").json()

    assert "Kim Beispiel" in {text for event in file["events"] for text in event["texts"].values()}
    assert [(read["role"], read["purpose"], read["times"]) for read in file["reads"]] == [("officer", "casework", 1)]
    again = office.get("officer", f"/cases/{case}/subject").json()
    assert [(read["purpose"], read["times"]) for read in again["reads"]] == [("casework", 1), ("disclosure", 1)]
    paths = {read["path"].partition("?")[2] for read in office.get("auditor", "/audit/reads", case=case).json()["items"]}
    assert paths == {"", "exception=claims"}
    office.when("officer", f"{ERASURE}/withdrawal", {"reason": "zurückgezogen"}).answers(200, restricted=False)
    assert personal(office)["name"] == "Kim Beispiel"


def test_what_left_the_house_is_named(office: Office) -> None:
    """By whom it was taken to be handed on, and as what; neither what was read to work on the case, nor what held no text."""
    case = closed(office)

    def disclosures() -> list[tuple[str, str, str]]:
        found = office.get("officer", f"/cases/{case}/erasure").json()["disclosures"]
        return [(each["form"], each["subject"], each["organisation"]) for each in found]

    office.get("lead", f"/cases/{case}")
    assert disclosures() == []
    office.get("officer", f"/cases/{case}/subject")
    office.call("second_officer", "GET", f"/cases/{case}", headers={"X-Purpose": "disclosure"})
    office.call("second_officer", "GET", f"/cases/{case}/subject", headers={"X-Purpose": "supervision"})
    office.when("officer", ERASURE, {"reason": "unzulässig"}).answers(202)
    office.when("second_officer", ERASURE).answers(200)
    office.get("officer", f"/cases/{case}/subject")
    assert disclosures() == [("answer", "sb-1", "jugendamt"), ("texts", "sb-2", "jugendamt"), ("answer", "sb-2", "jugendamt")]


def test_the_calendar_names_whose_data_are_due(office: Office) -> None:
    """Held ones as well, and that they are held."""
    case = closed(office)
    year = berlin_day(office.service.clock()).year
    assert case not in {each["case"] for each in office.get("officer", "/retention").json()["persons"]}
    office.when("officer", HOLD, {"reason": "Klage"}).answers(200)
    office.when("officer", HOLD, {"reason": "Klage"}).refuses("already_decided")
    on = f"{year + 11}-01-01"
    [due] = [each for each in office.get("officer", "/retention", on=on).json()["persons"] if each["case"] == case]
    assert (due["held"], due["due"]) == (True, dict.fromkeys(("identity", "file", "voucher"), on))
    before = office.get("officer", "/retention", on=f"{year + 10}-12-31").json()["persons"]
    assert case not in {each["case"] for each in before}


def test_only_officers_erase_and_read_a_person_s_file(office: Office) -> None:
    """Whoever else asks."""
    case = closed(office)
    for who in ("worker", "lead", "planner", "auditor", "admin"):
        office.when(who, ERASURE, {"reason": "weg damit"}).refuses("forbidden", 403)
        assert office.get(who, f"/cases/{case}/subject").status_code == 403
        assert office.get(who, "/retention").status_code == 403
