// The parts of the observability plane that need no daemon around them.
#include <zlib.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "daemon/observability/client_threads.h"
#include "daemon/observability/gzip.h"
#include "daemon/observability/handlers.h"
#include "daemon/observability/json_writer.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_tree.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::daemon {
namespace {

std::string Unpack(const std::string& packed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string text(std::size_t{1} << 21U, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

TEST(ClientThreads, LeaveTheRestOfTheDaemonHalfOfWhatItMayHave) {
  const FakeTree tree;
  EXPECT_EQ(ClientThreads(tree.root()), kMostClientThreads) << "nothing is known of limits";
  const auto limits = [&tree](const std::string& processes, const std::string& files) {
    tree.Write("/proc/self/limits",
               "Limit                     Soft Limit           Hard Limit           Units     \n"
               "Max processes             " +
                   processes +
                   "                127202               processes \n"
                   "Max open files            " +
                   files + "                1048576              files     \n");
  };
  limits("unlimited", "65536");
  EXPECT_EQ(ClientThreads(tree.root()), kMostClientThreads);
  limits("127202", "1024");
  EXPECT_EQ(ClientThreads(tree.root()), 512);
  limits("300", "1024");
  EXPECT_EQ(ClientThreads(tree.root()), 150);
  tree.Write("/proc/self/cgroup", "0::/system.slice/inferd.service\n");
  tree.Write("/sys/fs/cgroup/system.slice/inferd.service/pids.max", "max\n");
  EXPECT_EQ(ClientThreads(tree.root()), 150);
  tree.Write("/sys/fs/cgroup/system.slice/inferd.service/pids.max", "100\n");
  EXPECT_EQ(ClientThreads(tree.root()), 50);
  tree.Write("/sys/fs/cgroup/system.slice/inferd.service/pids.max", "3\n");
  EXPECT_EQ(ClientThreads(tree.root()), 8);
}

TEST(Gzip, ComesBackAsItWas) {
  std::string metrics;
  for (int i = 0; i < 20000; ++i) metrics += "a_metric{label=\"value" + std::to_string(i) + "\"} " + std::to_string(i * i) + "\n";
  std::string noise;  // that cannot be packed
  for (std::uint32_t i = 0, x = 1; i < 5000; ++i) noise += static_cast<char>((x = x * 1664525U + 1013904223U) >> 24U);
  for (const std::string& text : {metrics, noise, std::string(), std::string(1, '\0')}) {
    const auto packed = Gzip(text);
    ASSERT_TRUE(packed);
    EXPECT_EQ(Unpack(*packed), text);
  }
  EXPECT_LT(Gzip(metrics)->size(), metrics.size() / 4);
}

TEST(JsonWriter, WritesWhatAParserReads) {
  JsonWriter json;
  json.BeginObject().Member("text", "quote \" back \\ line \n tab \t bad \xFF").Member("number", 1.5).Member("whole", -7);
  json.Member("big", std::numeric_limits<std::uint64_t>::max())
      .Member("yes", true)
      .Member("none", std::numeric_limits<double>::quiet_NaN());
  json.Key("empty").BeginArray().EndArray().Key("list").BeginArray().Value(1).BeginObject().EndObject().Value("x").EndArray().EndObject();
  const auto read = nlohmann::json::parse(json.Take());
  EXPECT_EQ(read["text"], "quote \" back \\ line \n tab \t bad \xEF\xBF\xBD");
  EXPECT_EQ(read["number"], 1.5);
  EXPECT_EQ(read["whole"], -7);
  EXPECT_EQ(read["big"], std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(read["yes"], true);
  EXPECT_TRUE(read["none"].is_null());
  EXPECT_EQ(read["empty"], nlohmann::json::array());
  EXPECT_EQ(read["list"].dump(), R"([1,{},"x"])");
}

TEST(Load, StaysUnder300BytesWhateverTheLoad) {
  const ManualClock clock;
  Lifecycle lifecycle(clock);
  metrics::Registry registry;
  metrics::Scraper scraper(registry, clock);
  metrics::ModelNow now;
  now.status.queued.fill(std::numeric_limits<std::uint32_t>::max());
  now.status.running = std::numeric_limits<std::uint32_t>::max();
  now.status.kv_blocks = std::numeric_limits<std::uint32_t>::max();
  now.status.kv_blocks_used = now.status.kv_blocks;
  now.status.oldest_queued = now.status.last_progress = MonotonicTime(Duration(1));  // as long ago as can be
  constexpr std::uint16_t kModels = 1000;
  ObservabilityHandlers handlers(
      clock, lifecycle, scraper, kModels, [&](std::uint16_t) { return std::optional(now); }, [](const metrics::Health&) { return ""; },
      [](const RequestHead&) { return HttpResponse(); }, [](const RequestHead&, const BodyReader&) { return HttpResponse(); });
  RequestHead head;
  head.method = "GET";
  head.path = "/load";
  const HttpResponse response = handlers.Handle(head, {});
  EXPECT_LT(response.body.size(), 300U) << response.body;
  const auto load = nlohmann::json::parse(response.body);
  EXPECT_EQ(load["ready"], false);
  EXPECT_EQ(load["queued"], 3ULL * kModels * std::numeric_limits<std::uint32_t>::max());
  EXPECT_EQ(load["running"], 1ULL * kModels * std::numeric_limits<std::uint32_t>::max());
  EXPECT_EQ(load["kv_usage"], 1);
  EXPECT_EQ(load["oldest_queued_seconds"], 3600);
  EXPECT_EQ(load["age_seconds"], 3600);
}

}  // namespace
}  // namespace inferd::daemon
