// Evaluates queries over the samples of an OpenMetrics file, for comparison with Prometheus (tests/integration/test_promql.py).
//   promql_eval SAMPLES < QUERIES > ANSWERS
// SAMPLES: lines "name{labels} value seconds"; lines that start with # are left out. QUERIES: one JSON object a line, {"query", "time"} or
// {"query", "start", "end", "step"}, times in milliseconds. ANSWERS: one line each, as Prometheus's HTTP API answers, without "data", and
// with empty lists where there are no warnings or infos.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "metrics/promql/engine.h"
#include "metrics/promql/format.h"
#include "metrics/promql/memory_series.h"
#include "metrics/promql/parser.h"

namespace inferd::metrics::promql {
namespace {

using Json = nlohmann::ordered_json;

bool Load(const char* path, MemorySeries& series) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto time_at = line.rfind(' ');
    const auto value_at = line.rfind(' ', time_at - 1);
    const auto labels = ParseSeriesName(std::string_view(line).substr(0, value_at));
    if (!labels) {
      std::fprintf(stderr, "%s: %s\n", line.c_str(), labels.error().message.c_str());
      return false;
    }
    const double seconds = std::stod(line.substr(time_at + 1));
    series.Add(*labels, {std::llround(seconds * 1000), std::stod(line.substr(value_at + 1, time_at - value_at - 1))});
  }
  return file.eof();
}

Json LabelsOf(const Labels& labels) {
  Json out = Json::object();
  for (const Label& label : labels.pairs()) out[label.name] = label.value;
  return out;
}

Json Point(Millis time, double value) { return Json::array({static_cast<double>(time) / 1000, FormatValue(value)}); }

Json Answer(const Value& value) {
  Json out;
  out["status"] = "success";
  if (const auto* scalar = std::get_if<ScalarValue>(&value)) {
    out["resultType"] = "scalar";
    out["result"] = Point(scalar->time, scalar->value);
  } else if (const auto* text = std::get_if<StringValue>(&value)) {
    out["resultType"] = "string";
    out["result"] = Json::array({static_cast<double>(text->time) / 1000, text->value});
  } else if (const auto* vector = std::get_if<Vector>(&value)) {
    out["resultType"] = "vector";
    out["result"] = Json::array();
    for (const auto& sample : *vector)
      out["result"].push_back({{"metric", LabelsOf(sample.labels)}, {"value", Point(sample.time, sample.value)}});
  } else if (const auto* matrix = std::get_if<Matrix>(&value)) {
    out["resultType"] = "matrix";
    out["result"] = Json::array();
    for (const auto& series : *matrix) {
      Json points = Json::array();
      for (const auto& sample : series.samples) points.push_back(Point(sample.time, sample.value));
      out["result"].push_back({{"metric", LabelsOf(series.labels)}, {"values", std::move(points)}});
    }
  }
  return out;
}

Json Evaluate(const Json& request, const MemorySeries& series) {
  const auto failed = [](const Status& status) { return Json{{"status", "error"}, {"error", status.message}}; };
  const auto node = Parse(request.at("query").get<std::string>());
  if (!node) return failed(node.error());
  const auto result = request.contains("time") ? QueryInstant(**node, series, request.at("time").get<Millis>(), {})
                                               : QueryRange(**node, series, request.at("start").get<Millis>(),
                                                            request.at("end").get<Millis>(), request.at("step").get<Millis>(), {});
  if (!result) return failed(result.error());
  Json answer = Answer(result->value);
  answer["warnings"] = result->warnings;
  answer["infos"] = result->infos;
  return answer;
}

int Main(int argc, char** argv) {
  MemorySeries series;
  if (argc != 2 || !Load(argv[1], series)) {
    std::fprintf(stderr, "usage: promql_eval SAMPLES < QUERIES > ANSWERS\n");
    return 2;
  }
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << Evaluate(Json::parse(line), series).dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace inferd::metrics::promql

int main(int argc, char** argv) { return inferd::metrics::promql::Main(argc, argv); }
