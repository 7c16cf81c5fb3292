"""Engineering units as OPC UA tells them: the text of a tag, and the UNECE code if we know what it means.

Source: Part 8, 5.6.3; codes and names from UNECE Recommendation 20. Case counts: mW is not MW.
"""

from __future__ import annotations

from asyncua import ua

_NAMESPACE = "http://www.opcfoundation.org/UA/units/un/cefact"
# A unit that has no code (Part 8, 5.6.3: -1).
_NO_CODE = -1
# code, name: how people write it
_TABLE = """
CEL degree Celsius: °C degC
FAH degree Fahrenheit: °F degF
KEL kelvin: K
P1 percent: % pct percent
NX part per thousand: ‰
59 part per million: ppm
61 part per billion (US): ppb
MTR metre: m
MMT millimetre: mm
CMT centimetre: cm
KMT kilometre: km
4H micrometre (micron): µm um
INH inch: in inch
FOT foot: ft
MTK square metre: m² m2 m^2
CMK square centimetre: cm² cm2 cm^2
MTQ cubic metre: m³ m3 m^3
CMQ cubic centimetre: cm³ cm3 cm^3
LTR litre: l L
MLT millilitre: ml mL
HLT hectolitre: hl hL
GLL gallon (US): gal
SEC second [unit of time]: s sec
C26 millisecond: ms
B98 microsecond: µs us
MIN minute [unit of time]: min
HUR hour: h hr
DAY day: d
BAR bar [unit of pressure]: bar
MBR millibar: mbar
PAL pascal: Pa
A97 hectopascal: hPa
KPA kilopascal: kPa
MPA megapascal: MPa
PS pound-force per square inch: psi
KGM kilogram: kg
GRM gram: g
MGM milligram: mg
MC microgram: µg ug
TNE tonne (metric ton): t
LBR pound: lb
WTT watt: W
KWT kilowatt: kW
MAW megawatt: MW
WHR watt hour: Wh W·h
KWH kilowatt hour: kWh kW·h
MWH megawatt hour (1000 kW.h): MWh MW·h
JOU joule: J
KJO kilojoule: kJ
3B megajoule: MJ
D46 volt - ampere: VA V·A
KVA kilovolt - ampere: kVA kV·A
D44 var: var
KVR kilovar: kvar
VLT volt: V
2Z millivolt: mV
KVT kilovolt: kV
AMP ampere: A
4K milliampere: mA
B84 microampere: µA uA
OHM ohm: Ω ohm Ohm
HTZ hertz: Hz
KHZ kilohertz: kHz
MHZ megahertz: MHz
RPM revolutions per minute: rpm r/min 1/min
RPS revolutions per second: rps r/s
MTS metre per second: m/s
C16 millimetre per second: mm/s
2X metre per minute: m/min
KMH kilometre per hour: km/h
MSK metre per second squared: m/s² m/s2 m/s^2
NEW newton: N
NU newton metre: Nm N·m
DD degree [unit of angle]: ° deg
L2 litre per minute: l/min L/min
G51 litre per second: l/s L/s
E32 litre per hour: l/h L/h
41 millilitre per minute: ml/min mL/min
MQH cubic metre per hour: m³/h m3/h m^3/h
MQS cubic metre per second: m³/s m3/s m^3/s
G53 cubic metre per minute: m³/min m3/min m^3/min
G52 cubic metre per day: m³/d m3/d m^3/d
KGS kilogram per second: kg/s
F31 kilogram per minute: kg/min
E93 kilogram per hour: kg/h
E18 tonne per hour: t/h
KMQ kilogram per cubic metre: kg/m³ kg/m3 kg/m^3
23 gram per cubic centimetre: g/cm³ g/cm3 g/cm^3
GL gram per litre: g/l g/L
M1 milligram per litre: mg/l mg/L
C24 millipascal second: mPa·s mPas
4C centistokes: cSt
G42 microsiemens per centimetre: µS/cm uS/cm
H61 millisiemens per centimetre: mS/cm
Q30 pH (potential of Hydrogen): pH
LUX lux: lx lux
2N decibel: dB
D54 watt per square metre: W/m² W/m2 W/m^2
H87 piece: pcs piece pieces
"""


def _read() -> dict[str, tuple[int, str]]:
    units = {}
    for line in _TABLE.strip().splitlines():
        head, _, texts = line.rpartition(": ")
        code, _, name = head.partition(" ")
        for text in texts.split():
            units[text] = unit_id(code), name
    return units


def unit_id(code: str) -> int:
    """`CEL` -> 4408652: the letters of the code as the bytes of a number."""
    return int.from_bytes(code.encode("ascii"), "big")


_UNITS = _read()


def engineering_unit(text: str) -> ua.EUInformation:
    number, name = _UNITS.get(text.strip(), (_NO_CODE, text))
    return ua.EUInformation(
        NamespaceUri=_NAMESPACE if number != _NO_CODE else None,
        UnitId=number,
        DisplayName=ua.LocalizedText(text),
        Description=ua.LocalizedText(name),
    )
