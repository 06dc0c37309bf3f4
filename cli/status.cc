// inferctl status: what GET /status of the observability plane says, as it is or as tables.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/http_client.h"
#include "cli/text.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

// A table with more would be wider than a terminal: its rows become lists.
constexpr std::size_t kMostColumns = 13;

std::string Cell(const Json& value) {
  if (value.is_string()) return PrintableLine(value.get_ref<const std::string&>(), 120);
  if (value.is_number_float()) return FormatNumber(value.get<double>(), 3);
  if (value.is_null()) return "-";
  return PrintableLine(value.dump(-1, ' ', false, Json::error_handler_t::replace), 120);
}

bool IsTable(const Json& value) {
  return value.is_array() && !value.empty() && std::ranges::all_of(value, [](const Json& row) { return row.is_object(); });
}

// The keys of all objects of an array, in order of appearance.
std::vector<std::string> Columns(const Json& array) {
  std::vector<std::string> columns;
  for (const Json& object : array) {
    for (const auto& [key, value] : object.items()) {
      if (std::ranges::find(columns, key) == columns.end()) columns.push_back(key);
    }
  }
  return columns;
}

// Objects of one array as the rows of a table.
std::string ObjectTable(const Json& array) {
  std::vector<std::vector<std::string>> rows{Columns(array)};
  for (const Json& object : array) {
    std::vector<std::string> row;
    for (const std::string& key : rows[0]) row.push_back(object.contains(key) ? Cell(object[key]) : "-");
    rows.push_back(std::move(row));
  }
  return Table(rows, /*header=*/true);
}

void PrintTitle(const std::string& title) { std::printf("\n%s\n", title.c_str()); }

// Plain values first, as a list of names and values; then a section for each object or table in it.
void PrintObject(const Json& object, const std::string& title) {
  std::vector<std::vector<std::string>> values;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_object() && !IsTable(value)) values.push_back({key, Cell(value)});
  }
  if (!title.empty()) PrintTitle(title);
  std::fputs(Table(values, /*header=*/false).c_str(), stdout);
  for (const auto& [key, value] : object.items()) {
    const std::string name = PrintableLine(title.empty() ? key : title + "." + key, 120);
    if (value.is_object()) PrintObject(value, name);
    if (!IsTable(value)) continue;
    if (Columns(value).size() > kMostColumns) {
      for (const Json& row : value) PrintObject(row, name);
    } else {
      PrintTitle(name);
      std::fputs(ObjectTable(value).c_str(), stdout);
    }
  }
}

Result<Json> ReadStatus(const Context& context) {
  HttpClient client(context.api_key);
  const std::string url = JoinUrl(context.observe_url, "/status");
  INFERD_ASSIGN_OR_RETURN(const HttpResponse response, client.Get(url, kAnswerTimeout));
  Json json = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (response.status != 200 || !json.is_object()) {
    return Error(Code::kUnavailable, url + ": expected a JSON object, got " + ErrorMessage(response));
  }
  return json;
}

}  // namespace

void AddStatus(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("status", "Show what the daemon is doing");
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "Print JSON");
  command->callback([&context, as_json] {
    const auto status = ReadStatus(context);
    if (!status) return context.Fail(status.error().message);
    if (*as_json) {
      std::printf("%s\n", status->dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    } else {
      PrintObject(*status, "");
    }
  });
}

}  // namespace inferd::cli
