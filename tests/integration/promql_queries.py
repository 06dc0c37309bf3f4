"""Samples and queries for the comparison of PromQL with a real Prometheus: every function, operator and modifier, and combinations of them.

The samples' times are never round (but for those of `aligned_total`) and the queries' times neither, so that no sample lies on the edge of
a range: there Prometheus 2 and 3 differ by intention. `SINCE_3` are queries that Prometheus 2 does not know or answers otherwise.
"""
import itertools
import pathlib
import random

BASE = 1_700_000_000_000  # milliseconds
INTERVAL = 15_000
SAMPLES = 240  # an hour


def samples():
    """(series, [(milliseconds, value)]) of counters with resets, gauges with gaps, and classic histograms."""
    rng = random.Random(7)
    families = []

    def add(name, values):
        points = []
        for i, value in enumerate(values):
            if value is not None:
                points.append((BASE + i * INTERVAL + rng.randint(1, 997), value))
        families.append((name, points))

    for instance, job, code in itertools.product("ab", ("api", "web"), ("200", "404", "500")):
        total, values = 0.0, []
        for _ in range(SAMPLES):
            if rng.random() < 0.01:
                total = 0.0
            total += rng.randint(0, 30)
            values.append(total if rng.random() > 0.03 else None)
        add(f'http_requests_total{{code="{code}",instance="{instance}",job="{job}"}}', values)
    for instance, job in itertools.product("ab", ("api", "web")):
        level, values = 50.0, []
        for i in range(SAMPLES):
            level += rng.uniform(-5, 5)
            gap = 80 <= i < 110 and instance == "b" and job == "web"
            values.append(None if gap else round(level, 3))
        add(f'temperature_celsius{{instance="{instance}",job="{job}"}}', values)
        add(f'up{{instance="{instance}",job="{job}"}}', [float(rng.random() > 0.1) for _ in range(SAMPLES)])
        add(f'build_info{{instance="{instance}",job="{job}",version="1.{"ab".index(instance)}"}}', [1.0] * SAMPLES)
        counts, columns = [0.0] * 6, []
        for _ in range(SAMPLES):
            for k in range(6):
                counts[k] += rng.randint(0, 4)
            columns.append(list(itertools.accumulate(counts)))
        for k, bound in enumerate(("0.1", "0.25", "0.5", "2.5", "7.5", "+Inf")):
            add(f'latency_seconds_bucket{{instance="{instance}",job="{job}",le="{bound}"}}', [column[k] for column in columns])
        add(f'latency_seconds_count{{instance="{instance}",job="{job}"}}', [column[5] for column in columns])
        add(f'latency_seconds_sum{{instance="{instance}",job="{job}"}}', [column[5] * 0.7 for column in columns])
    add("odd", [rng.choice((0.0, -1.5, 3.25, float("nan"), float("inf"), float("-inf"), 1e300, 1e-300)) for _ in range(SAMPLES)])
    families.append(("aligned_total", [(BASE + i * INTERVAL, float(i * i)) for i in range(SAMPLES) if i % 11]))
    add('limit{job="api"}', [40.0] * SAMPLES)
    add('limit{job="web"}', [60.0] * SAMPLES)
    return families


def openmetrics(families):
    """The text that `promtool tsdb create-blocks-from openmetrics` reads."""
    groups = {}
    for series, points in families:
        groups.setdefault(series.split("{")[0], []).append((series, points))
    lines = []
    for _, members in sorted(groups.items()):
        for series, points in members:
            for milliseconds, value in points:
                number = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(repr(value), repr(value))
                lines.append(f"{series} {number} {milliseconds // 1000}.{milliseconds % 1000:03d}")
    return "\n".join(lines) + "\n# EOF\n"


MATH = ("abs ceil floor exp sqrt ln log2 log10 round sgn sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh deg rad "
        "timestamp sort sort_desc absent scalar").split()
CALENDAR = "day_of_month day_of_week day_of_year days_in_month hour minute month year".split()  # of infinity there is no date
RANGE = ("avg_over_time changes count_over_time delta deriv idelta increase irate last_over_time max_over_time min_over_time "
         "present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time absent_over_time").split()
AGGREGATE = "sum avg count min max group stddev stdvar".split()
ARITHMETIC = "+ - * / % ^".split()
COMPARE = "== != > < >= <=".split()

PLAIN = """
1 + 2 * 3 ^ 2 ^ 0.5
-2 ^ 2
7 % -3
1 / 0
0 / 0
pi() * 2
time()
"a string"
1 > bool 2
2 atan2 -1
0x1F + 1e3 + .5
Inf - 1
NaN
vector(time())
scalar(temperature_celsius)
scalar(temperature_celsius{instance="a",job="api"})
temperature_celsius
{__name__=~"temp.*|up",job!~"w.*"}
http_requests_total{code=~"4..|5..",instance!="b"}
nothing
temperature_celsius{instance="nobody"}
temperature_celsius offset 10m
temperature_celsius offset -10m
temperature_celsius @ 1700001000
temperature_celsius @ 1700001000.5 offset 3m
temperature_celsius @ start()
temperature_celsius @ end()
rate(http_requests_total[5m] @ end() offset 1m)
sum(rate(http_requests_total[5m] @ start()))
-temperature_celsius
+temperature_celsius
- -temperature_celsius
temperature_celsius[2m]
temperature_celsius[2m] offset 1m
odd[5m]
temperature_celsius * 2 - 1
temperature_celsius > 50
50 < temperature_celsius
temperature_celsius > bool 50
temperature_celsius == temperature_celsius
odd == odd
odd != odd
odd > bool 0
up == 0
count(up == 1) by (job)
temperature_celsius / limit
temperature_celsius / on (job) limit
temperature_celsius / on (job) group_left limit
limit / on (job) group_right temperature_celsius
temperature_celsius > on (job) group_left limit
temperature_celsius > bool on (job) group_left limit
temperature_celsius * on (instance, job) group_left (version) build_info
build_info * on (instance, job) group_right (version) http_requests_total
http_requests_total / ignoring (code) group_left sum without (code) (http_requests_total)
sum by (job) (http_requests_total) / sum by (job) (http_requests_total)
http_requests_total + on (instance) temperature_celsius
up + on () group_left up
up and temperature_celsius > 50
up and on (job) limit
up unless on (instance) (temperature_celsius > 50)
up or vector(5)
temperature_celsius > 55 or up
limit or on (job) up
up or up
(temperature_celsius > 45) and (temperature_celsius < 60)
http_requests_total unless http_requests_total{code="500"}
{__name__=~"up|limit"} * 2
rate({__name__=~"latency_seconds_(count|sum)"}[5m])
topk(3, http_requests_total)
bottomk(2, temperature_celsius)
topk by (job) (1, rate(http_requests_total[5m]))
topk(0, up)
topk(100, temperature_celsius)
topk(NaN, up)
bottomk(scalar(count(limit)), temperature_celsius)
quantile(0.5, temperature_celsius)
quantile by (job) (0.9, http_requests_total)
quantile(-1, up)
quantile(2, up)
quantile(NaN, up)
quantile(0.3, odd)
count_values("v", up)
count_values by (job) ("v", up)
count_values without (instance) ("v", limit)
count_values("job", up)
sum(odd)
avg(odd)
min(odd)
max(odd)
sum without (instance, code) (http_requests_total)
sum by (nothing) (up)
sum by (job) (up) > 1
avg without () (temperature_celsius)
clamp(temperature_celsius, 45, 55)
clamp(temperature_celsius, 55, 45)
clamp_min(temperature_celsius, 50)
clamp_max(temperature_celsius, 50)
clamp(odd, -1, 1)
clamp_min(odd, NaN)
round(temperature_celsius, 5)
round(temperature_celsius, 0.3)
round(-temperature_celsius, 10)
absent(nothing{job="a",instance=~"b"})
absent(nothing{job="a",job="b"})
absent(sum(nothing))
absent(up)
absent_over_time(nothing{job="a"}[5m])
absent_over_time(temperature_celsius{instance="b",job="web"}[2m])
histogram_quantile(0.5, rate(latency_seconds_bucket[5m]))
histogram_quantile(0.99, sum by (le) (rate(latency_seconds_bucket[5m])))
histogram_quantile(0.9, sum by (job, le) (increase(latency_seconds_bucket[10m])))
histogram_quantile(0, latency_seconds_bucket)
histogram_quantile(1, latency_seconds_bucket)
histogram_quantile(-1, latency_seconds_bucket)
histogram_quantile(1.5, latency_seconds_bucket)
histogram_quantile(NaN, latency_seconds_bucket)
histogram_quantile(0.5, latency_seconds_bucket{le!="+Inf"})
histogram_quantile(0.5, up)
rate(latency_seconds_sum[5m]) / rate(latency_seconds_count[5m])
label_replace(up, "host", "$1-x", "instance", "(.*)")
label_replace(up, "host", "${i}", "instance", "(?P<i>.)")
label_replace(up, "job", "", "job", ".*")
label_replace(up, "instance", "same", "instance", ".*")
label_replace(up, "host", "$1", "instance", "b(.*)")
label_replace(up, "host", "$$", "nothing", "")
label_replace(up, "host", "x", "instance", "(")
label_replace(up, "__name__", "renamed", "job", "api")
label_join(up, "both", "/", "job", "instance")
label_join(up, "job", ",")
label_join(up, "instance", "", "job")
quantile_over_time(0.5, temperature_celsius[5m])
quantile_over_time(1.1, temperature_celsius[5m])
quantile_over_time(scalar(limit{job="api"}) / 100, temperature_celsius[10m])
predict_linear(temperature_celsius[10m], 3600)
predict_linear(temperature_celsius[10m] offset 5m, 600)
deriv(limit[10m])
max_over_time(rate(http_requests_total[2m])[10m:1m])
avg_over_time((temperature_celsius > 50)[20m:30s])
sum_over_time(up[10m:])
sum_over_time(time()[5m:1m])
min_over_time(sum(temperature_celsius)[10m:20s] offset 7m)
max_over_time(temperature_celsius[10m:1m] @ 1700002000.5)
rate(http_requests_total[5m])[10m:2m]
count_over_time(absent(nothing)[5m:30s])
timestamp(temperature_celsius offset 10m)
timestamp(temperature_celsius * 1)
timestamp(temperature_celsius @ 1700001000)
hour(temperature_celsius @ 1700001000 * 1e6)
day_of_week()
year()
days_in_month(vector(1709213820))
day_of_year(vector(-86400))
sum(rate(http_requests_total{code="500"}[5m])) / sum(rate(http_requests_total[5m]))
sum by (job) (rate(http_requests_total{code=~"5.."}[5m])) / on (job) group_left sum by (job) (rate(http_requests_total[5m])) > 0.1
1 - avg_over_time(up[30m])
sort(temperature_celsius)
sort_desc(rate(http_requests_total[5m]))
foo bar
sum(
rate(up)
up[5m] + 1
rate(up[0s])
up{job=~"("}
1 > 2
up offset 5m offset 5m
and
no_such_function(up)
sum by (job
""".strip().split("\n")

SINCE_3 = """
histogram_fraction(0.1, 0.5, rate(latency_seconds_bucket[5m]))
histogram_fraction(0.3, 8, sum by (job, le) (latency_seconds_bucket))
histogram_fraction(0.1, 5, latency_seconds_bucket)
histogram_fraction(-Inf, +Inf, latency_seconds_bucket)
rate(http_requests_total[300])
{"temperature_celsius"}
{"temperature_celsius", job="api"}
sum by ("job") (up)
1m + 1
topk(scalar(count(limit)), temperature_celsius)
max_over_time(max_over_time(temperature_celsius[5m:1m])[10m:1m])
temperature_celsius atan2 3
2 atan2 temperature_celsius
temperature_celsius atan2 up
odd atan2 odd
temperature_celsius atan2 on (job) group_left limit
aligned_total
aligned_total offset 5m
aligned_total[1m]
count_over_time(aligned_total[1m])
count_over_time(aligned_total[15s])
rate(aligned_total[1m])
increase(aligned_total[5m] offset 1m)
deriv(aligned_total[2m])
sum_over_time(aligned_total[5m:1m])
count_over_time(aligned_total[5m:15s])
last_over_time(aligned_total[3m:1m] offset 20s)
count_over_time(aligned_total[1m] @ 1700001840)
histogram_sum(up)
histogram_avg(up)
""".strip().split("\n")


# What is easily done otherwise, for Prometheus 3.
CORNERS = [line for line in (pathlib.Path(__file__).parent / "promql_corners.txt").read_text().splitlines() if not line.startswith("##")]


def generated():
    """Combinations that nobody thought of, the same at every run."""
    rng = random.Random(11)
    queries = [f"{f}(temperature_celsius * 1e7)" for f in CALENDAR] + [f"{f}(temperature_celsius)" for f in MATH] + [f"{f}(odd)" for f in MATH if f != "sort" and f != "sort_desc"]
    for f in RANGE:
        queries += [f"{f}(http_requests_total[5m])", f"{f}(temperature_celsius[3m] offset 90s)", f"{f}(odd[4m])", f"{f}(up[10m:45s])"]
    for op, (grouping, inner) in itertools.product(AGGREGATE, (("", "temperature_celsius"), ("by (job)", "rate(http_requests_total[5m])"),
                                                              ("without (instance)", "up"), ("by (job, code)", "http_requests_total"))):
        queries.append(f"{op} {grouping} ({inner})")
    for op in ARITHMETIC:
        queries += [f"temperature_celsius {op} 3", f"2 {op} temperature_celsius", f"temperature_celsius {op} up",
                    f"odd {op} odd", f"temperature_celsius {op} on (job) group_left limit", f"3.5 {op} -2"]
    for op in COMPARE:
        queries += [f"temperature_celsius {op} 50", f"50 {op} bool temperature_celsius", f"temperature_celsius {op} on (job) group_left limit",
                    f"odd {op} 0", f"1 {op} bool 2"]
    leaves = ["temperature_celsius", "up", "rate(http_requests_total[5m])", "limit", 'http_requests_total{code="200"}', "5",
              "max_over_time(temperature_celsius[5m])"]

    def tree(depth):
        if depth == 0:
            return rng.choice(leaves)
        kind = rng.randrange(5)
        if kind == 0:
            return f"{rng.choice(AGGREGATE)} by (job) ({vector(depth - 1)})"
        if kind == 1:
            return f"({tree(depth - 1)} {rng.choice(ARITHMETIC[:5])} on (job, instance, code) {tree(depth - 1)})"
        if kind == 2:
            return f"({vector(depth - 1)} {rng.choice(('and', 'or', 'unless'))} {vector(depth - 1)})"
        if kind == 3:
            return f"({tree(depth - 1)} {rng.choice(COMPARE)} bool {rng.randint(0, 60)})"
        return f"{rng.choice(('abs', 'clamp_min', 'round', 'sqrt'))}({vector(depth - 1)}" .replace("clamp_min(", "clamp_max(") + ")"

    def vector(depth):
        return f"({tree(depth)} + {rng.randint(0, 9)})" if depth else rng.choice([leaf for leaf in leaves if leaf != "5"])

    queries += [tree(rng.randint(1, 3)) for _ in range(120)]
    return queries


def queries(version):
    """Those whose meaning has not changed until that major version, each once."""
    return list(dict.fromkeys(PLAIN + generated() + (SINCE_3 + CORNERS if version >= 3 else [])))
