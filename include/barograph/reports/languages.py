"""What reports say in other languages than English: for each English text of the code, the same in that language."""

from __future__ import annotations

WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "zh": ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
}

MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "zh": tuple(f"{month}月" for month in range(1, 13)),
}  # fmt: skip

SEVERITIES = {"zh": {"critical": "危急", "major": "严重", "minor": "次要", "warning": "警告", "info": "提示"}}

REASONS = {
    "zh": {
        "no_value": "测量失败,没有数值", "error_code": "数值是传感器的故障代码", "out_of_range": "超出传感器可能的范围",
        "impossible_date": "时间不可能", "unexpected": "可以测到,但出乎意料", "spike": "孤立的尖峰",
        "too_fast": "变化过快", "recovering": "快速变化后尚未恢复", "stuck": "数值长时间不变",
        "warming_up": "设备刚刚启动", "other_copy": "同一帧再次出现但数值不同", "same_time": "两帧声称同一时间",
        "unlike_neighbours": "与同区域其他设备不符", "after_gap": "静默后的第一条", "clock_off": "设备时钟有误,以到达时间为准",
    }
}  # fmt: skip

METRICS = {
    "zh": {
        "temperature": "温度", "indoor_temperature": "室内温度", "dew_point": "露点", "wind_chill": "风寒温度",
        "heat_index": "酷热指数", "humidity": "相对湿度", "indoor_humidity": "室内相对湿度", "pressure": "气压",
        "relative_pressure": "海平面气压", "co2": "二氧化碳", "pm1": "颗粒物 PM1", "pm2_5": "颗粒物 PM2.5",
        "pm4": "颗粒物 PM4", "pm10": "颗粒物 PM10", "voc_index": "挥发性有机物指数", "nox_index": "氮氧化物指数",
        "iaq": "室内空气质量指数", "wind_speed": "风速", "wind_gust": "阵风", "wind_direction": "风向",
        "rain": "累计降雨", "rain_rate": "雨强", "light": "光照", "solar_radiation": "太阳辐射",
        "uv_index": "紫外线指数", "soil_temperature": "土壤温度", "soil_humidity": "土壤湿度",
        "water_temperature": "水温", "depth": "深度", "voltage": "电压", "current": "电流", "power": "功率",
        "energy": "电能", "frequency": "频率", "volume": "体积", "state_of_charge": "电量", "low_battery": "电池电量低",
        "speed": "对地速度", "door": "门开启",
    }
}  # fmt: skip

ZH = {
    # Quantities
    "{count} time": "{count} 次", "{count} times": "{count} 次",
    "{count} device": "{count} 台设备", "{count} devices": "{count} 台设备",
    "{count} reading": "{count} 条读数", "{count} readings": "{count} 条读数",
    "{count} alarm": "{count} 次报警", "{count} alarms": "{count} 次报警",
    "{count} gap": "{count} 处中断", "{count} gaps": "{count} 处中断",
    "{count} batch": "{count} 个批次", "{count} batches": "{count} 个批次",
    "{number} s": "{number} 秒", "{number} d": "{number} 天", "{number} h": "{number} 小时", "{number} min": "{number} 分",
    "Year {year}": "{year}年", "{month} {year}": "{year}年{month}", "Week {week}, {days} {year}": "{year}年第{week}周,{days}",
    "{days} {year}": "{year}年{days}",
    # What is wrong
    "too cold": "过冷", "too warm": "过热", "too dry": "过干", "too damp": "过湿", "too dark": "过暗",
    "too bright": "过亮", "closed too long": "关闭过久", "open too long": "开启过久",
    "{metric} too high": "{metric}过高", "{metric} too low": "{metric}过低", "was {too}": "{too}", "had {too}": "{too}",
    "had {metric} outside too long in all": "{metric}累计超限过久", "had {metric} changing too fast": "{metric}变化过快",
    "had {metric} unlike its neighbours": "{metric}与相邻设备不符", "was silent": "没有信号",
    "had too many bad readings of {metric}": "{metric}坏读数过多", "said that it is broken": "报告自身故障",
    "behaved unusually": "表现异常", "had an alarm of {metric}": "{metric}报警",
    "no readings for {length}": "{length} 没有读数",
    "for {length}": "持续 {length}", "{times}, {length} in all": "{times},共 {length}",
    " and still was at midnight": ",到午夜仍未恢复", " and still was at the end": ",到期末仍未恢复",
    " (since {when})": "(自 {when})", ", {value} at worst": ",最差 {value}",
    "above {limit}": "高于 {limit}", "below {limit}": "低于 {limit}",
    "acknowledged by {who}": "{who} 已确认", "acknowledged by {who} at {when}": "{who} 于 {when} 确认",
    "nobody acknowledged it": "无人确认", "{seen}, after {length}": "{seen},用时 {length}",
    "{area} beyond the limit": "超限累计 {area}",
    "All fine": "一切正常", "No readings arrived on this day": "当天没有收到读数",
    "No readings arrived in this time": "这段时间没有收到读数", "This day has no data yet": "当天尚无数据",
    "This time has no data yet": "这段时间尚无数据", "No alarms, but {finding}": "没有报警,但 {finding}",
    "No alarms, but not everything was seen": "没有报警,但数据不完整",
    "{count} devices had alarms; the worst: {where}": "{count} 台设备发生报警,最严重的是 {where}",
    "{finding}, and had other alarms": "{finding},另有其他报警",
    "All devices": "所有设备", "no readings all day": "全天没有读数", "no readings at all": "完全没有读数",
    "no readings for {length}, {when}": "{length} 没有读数,{when}",
    "{days} of {all} days were not settled": "{all} 天中有 {days} 天尚未结算",
    "outside its {metric} limits {often}{length}, no alarm": "{metric}超出限值 {often}{length},未报警",
    "{readings} doubtful": "{readings}存疑", "{readings} without a value": "{readings}无值",
    "{readings} could not be decoded and were kept apart": "{readings}无法解码,已另行保存",
    "the sums of the day do not balance: {readings} unaccounted for": "当日数量不平衡:{readings}去向不明",
    "was moved: {places}": "已移动:{places}",
    "{heard} of {devices} reported, {readings}. {alarms}.": "{devices}中有 {heard} 台上报,{readings}。{alarms}。",
    "No alarms": "没有报警",
    # Headings
    "The day at a glance": "当日一览", "The time at a glance": "时段一览", "Alarms": "报警", "Severity": "级别",
    "Where": "位置", "What": "情况", "When": "时间", "Duration": "时长", "Worst": "最差", "Acknowledged": "确认",
    "Figures": "数据", "Comparisons": "比较", "Data quality": "数据质量", "Appendix": "附录",
    "Every reading accounted for": "每条读数都有着落", "Not every reading is accounted for": "并非每条读数都有着落",
    "does not balance": "不平衡", "read": "读取", "stored": "入库", "duplicate": "重复", "rejected": "拒收",
    "Device": "设备", "Metric": "量", "Min": "最小", "Mean": "平均", "Median": "中位", "Max": "最大", "at": "时刻",
    "Mean kinetic": "动力学均温", "Limits": "限值", "Outside": "超限时长", "Complete": "完整率", "none": "无",
    "{count} devices of which nothing is drawn here are in the table: {file}": "另有 {count} 台设备未在此绘出,见 {file}",
    "Chart": "图", "No readings": "没有读数", "No usable readings": "没有可用读数", "and {devices} more": "另有 {devices}",
    "and {count} more, see below": "另有 {count} 项,见下文",
    # Alarm rows
    "since {when}": "自 {when}", "{when}, still open": "{when},仍未解除", "{start} until {end}": "{start} 至 {end}",
    "from history, nobody was notified": "历史数据,未通知任何人",
    # Quality
    "Late": "迟到", "Latency": "延迟", "Silent": "静默", "Quality tests": "质量检验", "Calibrations in force": "有效校准",
    "none came more than {limit} late": "没有读数迟到超过 {limit}",
    "{readings} came more than {limit} late, the latest after {worst}": "{readings}迟到超过 {limit},最晚 {worst}",
    "half came within {half}, 95 of 100 within {most}; promised are {promise}": "半数在 {half} 内到达,95% 在 {most} 内;承诺 {promise}",
    "kept": "达到", "not kept": "未达到", "not known": "未知",
    "all devices were heard all the time": "所有设备始终在线",
    "every reading passed": "所有读数均通过", "none, values are as the sensors said them": "无,数值即传感器所报",
    "{metric} of {device} since {when}: {formula}": "{device} 的{metric},自 {when}:{formula}",
    # Charts
    "fine": "正常", "outside limits": "超出限值", "alarm": "报警", "doubtful": "存疑", "in part": "部分",
    "no readings": "无读数", "alarm {length}": "报警 {length}", "silent {length}": "静默 {length}",
    "outside {length}": "超限 {length}", "door open": "门开", "defrost": "除霜",
    "Range of each device": "各设备的范围", "│ median  ○ mean": "│ 中位数  ○ 平均",
    "outside its limits": "超限时长", "How often which value": "各数值出现的频率", "share of all readings, %": "占全部读数的百分比",
    "Day by day": "逐日", "bar from lowest to highest, line at the mean": "柱为最低到最高,横线为平均",
    "below: time outside limits": "下方:超限时长",
    "Hour by day": "按小时和日期", "mean of the zone by hour": "区域每小时平均", "mean by hour": "每小时平均",
    "Compared with the week before": "与上周相比", "Compared with the time before": "与前一时段相比",
    "this day": "当日", "this time": "本时段", "a week earlier": "一周前", "the time before": "前一时段",
    "the seven days before": "此前七天", "{metric} against {other}": "{metric}与{other}",
    "Against its neighbours": "与相邻设备比较", "median of the others": "其余设备的中位数",
    "each dot is a quarter of an hour, darker is later": "每点为一刻钟,越深越晚",
    "each dot is an hour, darker is later": "每点为一小时,越深越晚",
    "{metric} of {device}: no usable readings.": "{device} 的{metric}:没有可用读数。",
    "{metric} of {device}: {low} to {high}, median {median}{remarks}.": "{device} 的{metric}:{low} 至 {high},中位数 {median}{remarks}。",
    "; with an alarm": ";有报警", "{devices}, a lane each. {headline}.": "{devices},每台一行。{headline}。",
    "{chart}: {metric}, {zone}.": "{zone} {metric}:{chart}。",
    "{gaps}, {length}": "{gaps},共 {length}", "{count} doubtful": "{count} 条存疑",
    "{count} without a value": "{count} 条无值", "outside limits {length}": "超限 {length}",
    # Revisions and sign-offs
    "What changed since revision {revision}": "自第 {revision} 版以来的变化",
    "Nothing that is shown; {why}": "所示内容没有变化;{why}", "other words or charts": "文字或图表不同",
    "the record has other readings": "记录中的读数不同", "the rules are others": "规则不同",
    "This revision came after revision {revision} was signed off by {who} on {when}.": "第 {revision} 版已由 {who} 于 {when} 签核,本版在其之后。",
    "alarm gained: {alarm}": "新增报警:{alarm}", "alarm lost: {alarm}": "取消报警:{alarm}",
    "{place}: {figure} {before} became {after}": "{place}:{figure} 由 {before} 变为 {after}",
    "{place} is new": "新增 {place}", "{place} is gone": "不再有 {place}", "readings": "读数",
    # Foot
    "Revision": "版本", "Window": "时段", "{start} to {end} UTC, the end not included": "{start} 至 {end} UTC,不含终点",
    "Time zone": "时区", "Record": "记录", "Fingerprint": "指纹", "Rebuild": "重建", "Download": "下载",
    "Versions": "软件版本", "Rules in force": "有效规则", "not settled": "未结算", "no batches": "没有批次",
    "{batches}, the last is {last}": "{batches},最后一个是 {last}", "version {version}": "版本 {version}",
    "Every number can be had again: settle, then make the report. The same record gives the same bytes.":
        "所有数字都可重现:先结算,再生成报告。同样的记录得到同样的字节。",
    "every reading": "全部读数", "figures by device": "各设备数据", "for programs": "供程序使用", "to print": "供打印",
    "The day was settled, and nothing was recorded for it. If sensors were running, see whether the collector was, and what it sent:":
        "当日已结算,但没有记录。如果传感器在运行,请检查采集器是否运行、发送了什么:",
    "The day was not settled yet. Settle it, and this page has its next revision:": "当日尚未结算。结算后本页将有新版本:",
    "page {page} of {pages}": "第 {page} 页,共 {pages} 页", "{count} of {all} devices are drawn here, those first that need a look.":
        "此处绘出 {all} 台设备中的 {count} 台,优先列出需要查看的设备。",
}  # fmt: skip

LANGUAGES = {"zh": ZH}
