// The rules that every metric obeys, and the agreement of the catalogue with the records whose values become labels.
#include "metrics/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "metrics/slo.h"
#include "runtime/engine/records.h"

namespace inferd::metrics {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

bool IsNameCharacter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

const LabelInfo& LabelOf(Metric metric, std::string_view name) {
  const auto labels = Describe(metric).labels;
  return *std::find_if(labels.begin(), labels.end(), [name](const LabelInfo& label) { return label.name == name; });
}

template <typename Enum, std::size_t N>
std::vector<std::string_view> NamesOf(std::string_view (*name)(Enum), std::size_t first = 0) {
  std::vector<std::string_view> names;
  for (std::size_t i = first; i < N; ++i) names.push_back(name(static_cast<Enum>(i)));
  return names;
}

TEST(Catalogue, NamesAreUniqueAndWellFormed) {
  std::set<std::string_view> seen;
  for (const MetricInfo& metric : Catalogue()) {
    SCOPED_TRACE(metric.name);
    const auto starts_with = [&](std::string_view prefix) { return metric.name.starts_with(prefix); };
    const bool foreign = starts_with("vllm:") || starts_with("gen_ai_server_");
    EXPECT_EQ(foreign, metric.section == Section::kCompat);
    EXPECT_TRUE(foreign || starts_with("inferd_") || starts_with("process_"));
    const std::string_view plain = starts_with("vllm:") ? metric.name.substr(5) : metric.name;
    EXPECT_TRUE(std::all_of(plain.begin(), plain.end(), IsNameCharacter));
    EXPECT_TRUE(seen.insert(metric.name).second) << "named twice";
    EXPECT_EQ(FindMetric(metric.name), &metric);
    EXPECT_EQ(&Describe(metric.id), &metric);
  }
  EXPECT_EQ(FindMetric("inferd_no_such_metric"), nullptr);
}

TEST(Catalogue, CountersAndOnlyCountersEndInTotal) {
  for (const MetricInfo& metric : Catalogue()) {
    EXPECT_EQ(metric.name.ends_with("_total"), metric.type == MetricType::kCounter) << metric.name;
  }
}

TEST(Catalogue, TheUnitIsInTheName) {
  for (const MetricInfo& metric : Catalogue()) {
    if (metric.section == Section::kCompat) continue;  // others chose these names
    std::string_view name = metric.name;
    if (name.ends_with("_total")) name.remove_suffix(std::string_view("_total").size());
    for (std::size_t u = 1; u < kUnitCount; ++u) {
      const auto unit = static_cast<Unit>(u);
      const std::string suffix = "_" + std::string(UnitName(unit));
      // "bytes_read_total" says what happened to the bytes after the unit.
      const bool named = name.ends_with(suffix) || name.find(suffix + "_") != std::string_view::npos;
      EXPECT_EQ(named, metric.unit == unit) << metric.name << " and " << UnitName(unit);
    }
    const std::string words = std::string(metric.name) + "_";
    for (const std::string_view wrong :
         {"ms", "us", "milliseconds", "microseconds", "minutes", "hours", "percent", "kb", "mb", "gb", "mib"}) {
      EXPECT_EQ(words.find("_" + std::string(wrong) + "_"), std::string::npos) << metric.name << " is not in a base unit: " << wrong;
    }
  }
}

TEST(Catalogue, HelpIsOnePlainLine) {
  std::set<std::string_view> seen;
  for (const MetricInfo& metric : Catalogue()) {
    SCOPED_TRACE(metric.name);
    EXPECT_EQ(metric.help.find_first_of("\\\n\r\t|\""), std::string_view::npos);
    EXPECT_TRUE(metric.help.ends_with('.'));
    EXPECT_GE(metric.help.size(), 40U);
    EXPECT_TRUE(seen.insert(metric.help).second) << "the same help as another metric";
  }
}

TEST(Catalogue, HistogramsAndOnlyHistogramsHaveRisingBuckets) {
  for (const MetricInfo& metric : Catalogue()) {
    SCOPED_TRACE(metric.name);
    EXPECT_EQ(!metric.buckets.empty(), metric.type == MetricType::kHistogram);
    EXPECT_TRUE(std::is_sorted(metric.buckets.begin(), metric.buckets.end()));
    EXPECT_EQ(std::adjacent_find(metric.buckets.begin(), metric.buckets.end()), metric.buckets.end());
  }
}

TEST(Catalogue, LabelsAreNotReserved) {
  for (const MetricInfo& metric : Catalogue()) {
    std::set<std::string_view> seen;
    for (const LabelInfo& label : metric.labels) {
      SCOPED_TRACE(metric.name);
      EXPECT_TRUE(seen.insert(label.name).second) << label.name;
      EXPECT_TRUE(std::all_of(label.name.begin(), label.name.end(), IsNameCharacter));
      EXPECT_FALSE(label.name.starts_with("__") || label.name == "le" || label.name == "job" || label.name == "instance") << label.name;
    }
  }
}

TEST(Catalogue, LabelValuesAreThoseOfTheRecords) {
  using namespace engine;
  EXPECT_THAT(LabelOf(Metric::kRequestsReceived, "endpoint").values, ElementsAreArray(NamesOf<Endpoint, kEndpoints>(EndpointName)));
  EXPECT_THAT(LabelOf(Metric::kRequestsEnded, "outcome").values, ElementsAreArray(NamesOf<Outcome, kOutcomes>(OutcomeName)));
  EXPECT_THAT(LabelOf(Metric::kRequestsRejected, "reason").values,
              ElementsAreArray(NamesOf<RefusalReason, kRefusalReasons>(RefusalReasonName, 1)));
  EXPECT_THAT(LabelOf(Metric::kQueueDepth, "priority").values, ElementsAreArray(NamesOf<Priority, kPriorities>(PriorityName)));
  EXPECT_THAT(LabelOf(Metric::kEngineSteps, "phase").values, ElementsAreArray(NamesOf<StepPhase, kStepPhases>(StepPhaseName)));
  EXPECT_THAT(LabelOf(Metric::kSloGood, "slo").values, ElementsAreArray(NamesOf<Slo, kSlos>(SloName)));
  EXPECT_EQ(LabelOf(Metric::kRequestsInFlight, "stage").values.size(), kStages);
  EXPECT_THAT(Describe(Metric::kInterToken).buckets, ElementsAreArray(kInterTokenBounds));
}

TEST(CatalogueMarkdown, EveryMetricHasOneRow) {
  const std::string text = CatalogueMarkdown();
  for (const MetricInfo& metric : Catalogue()) {
    EXPECT_THAT(text, HasSubstr("| `" + std::string(metric.name) + "` | " + std::string(MetricTypeName(metric.type)) + " | "));
  }
}

TEST(CatalogueMarkdown, IsWhatTheDocsSay) {
  std::ifstream file(INFERD_SOURCE_DIR "/docs/METRICS.md");
  std::ostringstream docs;
  docs << file.rdbuf();
  EXPECT_EQ(docs.str(), CatalogueMarkdown()) << "make it anew: build/dev/metrics/metrics_doc > docs/METRICS.md";
}

}  // namespace
}  // namespace inferd::metrics
