"""Days and instants on the command line."""

from datetime import date, datetime

import click

from application import written


class Moment(click.ParamType[datetime | date]):
    """A day, which counts to its end, or an instant; without an offset it is Europe/Berlin."""

    name = "Zeit"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> datetime | date:
        if isinstance(value, date):
            return value
        try:
            found = written.instant(value)
        except written.Malformed as problem:
            self.fail(str(problem), param, ctx)
        return found if ":" in value else found.date()


class Day(Moment):
    """A day alone."""

    name = "Tag"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        found = super().convert(value, param, ctx)
        if isinstance(found, datetime):
            self.fail(f"„{value}“ ist kein Tag, sondern ein Zeitpunkt.", param, ctx)
        return found


def spoken(when: datetime | date) -> str:
    """A day or an instant as people read it."""
    return f"{when:%d.%m.%Y, %H:%M:%S %z}" if isinstance(when, datetime) else f"{when:%d.%m.%Y}"
