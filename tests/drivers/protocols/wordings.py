"""Three instruments that speak lines, as a technician would describe them."""

from drivers.protocols.line_text import Check, Wording, compiled_lines

NMEA = Check("xor", skip=1, mark="*")
WIND = compiled_lines(
    Wording(
        pattern=r"\$WIMWV,(?P<direction>[\d.]*),(?P<reference>[RT]),(?P<speed>[\d.]*),(?P<unit>\w),(?P<status>[AV])",
        texts=frozenset({"reference", "unit", "status"}),
        check=NMEA,
    )
)
THERMO = compiled_lines(
    Wording(
        request=r"\xAAso2\r",
        pattern="so2 {so2} ppb",
        terminator=r"\r",
        check=Check("sum", digits=4, mark=r"\nsum "),
    )
)
BALANCE = compiled_lines(
    Wording(
        request=r"\x05",
        start=r"\x02",
        terminator=r"\x03",
        separator=";",
        fields=(("level", 2), ("tank", 1), ("alarm", 4)),
        count=4,
        texts=frozenset({"tank"}),
        no_value=frozenset({"----"}),
        decimal_comma=True,
    )
)
