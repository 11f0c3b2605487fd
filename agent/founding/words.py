"""The questions about a new station and their hints, in English and Vietnamese. Data."""

from collections.abc import Mapping
from typing import NamedTuple

LANGUAGES = ("en", "vi")
KINDS = ("wastewater", "stack", "air", "river", "groundwater")
"""Of stations, in the order in which they are offered."""


class Words(NamedTuple):
    """One language. What stands in braces is put in."""

    welcome: str
    kind: str
    kinds: tuple[str, ...]
    station: str
    station_hint: str
    name: str
    line: str
    line_more: str
    line_hint: str
    ports: str
    speed: str
    line_id: str
    profile: str
    profile_more: str
    profile_hint: str
    wants: str
    device_id: str
    every: str
    every_hint: str
    centre: str
    broker: str
    number: str
    again: str
    no_instrument: str


ENGLISH = Words(
    welcome="A new station. Enter takes what stands in [brackets]; Ctrl-C ends, and nothing is written.",
    kind="What does it watch?",
    kinds=("wastewater", "stack gas", "ambient air", "river or lake", "groundwater"),
    station="Station id",
    station_hint="stands in topics and in every signed record and never changes, e.g. {example}",
    name="Its name for people",
    line="Where is the first line?",
    line_more="Where is the next line? Enter: there is none",
    line_hint=(
        "e.g. tcp://10.0.0.5:502 (Modbus TCP), rtu+tcp://10.0.0.6:4001 (a serial server), "
        "serial:///dev/ttyUSB0?baudrate=9600&parity=N; Enter: none yet, an example is written"
    ),
    ports="serial ports of this machine, whose names stay when they are plugged in elsewhere:",
    speed="Its speed and parity",
    line_id="A short name for this line",
    profile="Which instrument is on {line}?",
    profile_more="Which instrument is on {line} too? Enter: no other",
    profile_hint="a number or a name of the list; -: another one that speaks Modbus, described by hand later",
    wants="Its {key}",
    device_id="A short name for this instrument",
    every="How often is it asked?",
    every_hint='e.g. "1s", "5s", "1min"',
    centre="File with the centre's public key (centre.pub). Enter: none yet, records are kept",
    broker="Where the centre listens",
    number="a number from 1 to {last} (got {got})",
    again="This is not possible: {why}",
    no_instrument="a line has one instrument at least",
)

VIETNAMESE = Words(
    welcome="Trạm mới. Enter: lấy giá trị trong [ngoặc vuông]; Ctrl-C: dừng lại, không ghi gì cả.",
    kind="Trạm quan trắc gì?",
    kinds=("nước thải", "khí thải", "không khí xung quanh", "nước mặt (sông, hồ)", "nước dưới đất"),
    station="Mã trạm",
    station_hint="có trong topic và trong mọi bản ghi đã ký, không bao giờ đổi, ví dụ {example}",
    name="Tên trạm để đọc",
    line="Đường truyền thứ nhất ở đâu?",
    line_more="Đường truyền tiếp theo ở đâu? Enter: không còn",
    line_hint=(
        "ví dụ tcp://10.0.0.5:502 (Modbus TCP), rtu+tcp://10.0.0.6:4001 (bộ chuyển đổi nối tiếp), "
        "serial:///dev/ttyUSB0?baudrate=9600&parity=N; Enter: chưa có, ghi một ví dụ"
    ),
    ports="cổng nối tiếp của máy này, tên không đổi khi cắm sang chỗ khác:",
    speed="Tốc độ và parity",
    line_id="Tên ngắn của đường truyền này",
    profile="Thiết bị nào trên {line}?",
    profile_more="Còn thiết bị nào trên {line}? Enter: hết",
    profile_hint="số hoặc tên trong danh sách; -: thiết bị Modbus khác, mô tả bằng tay sau",
    wants="Thông số {key}",
    device_id="Tên ngắn của thiết bị này",
    every="Bao lâu đọc một lần?",
    every_hint='ví dụ "1s", "5s", "1min"',
    centre="Tệp khóa công khai của trung tâm (centre.pub). Enter: chưa có, bản ghi được giữ lại",
    broker="Địa chỉ nhận dữ liệu của trung tâm",
    number="một số từ 1 đến {last} (đã nhập {got})",
    again="Không được: {why}",
    no_instrument="mỗi đường truyền có ít nhất một thiết bị",
)

WORDS: Mapping[str, Words] = {"en": ENGLISH, "vi": VIETNAMESE}


def language_of(environment: Mapping[str, str]) -> str:
    """As the environment asks for (locale(7)): the first of these that is set decides."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return "vi" if environment[name].lower().startswith("vi") else "en"
    return "en"
