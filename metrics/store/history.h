// The daemon's own short memory: every sample of every series, compressed, bounded by age and by bytes. One thread appends; any number of
// threads select and read at the same time. A reader takes a copy of the list of series and of what is being written of the series that it
// wants, and holds nobody up while it works. Time comes in with the samples.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "metrics/series/querier.h"
#include "metrics/store/chunk.h"

namespace inferd::metrics {

struct HistoryOptions {
  Millis retention = 6LL * 3600 * 1000;
  std::size_t max_bytes = 256U << 20;  // of samples and series, as HistoryStatus counts them
  std::size_t max_series = 20'000;     // more are refused
};

struct HistoryStatus {
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
  std::uint64_t sample_bytes = 0;  // compressed
  std::uint64_t bytes = 0;         // with what a series and its labels take besides
  std::uint64_t refused_series = 0;
  std::uint64_t late_samples = 0;  // not after the last one of their series: left out
};

struct SeriesValue {
  Labels labels;
  double value = 0;
};

// A series' chunks as a file keeps them.
struct SavedSeries {
  Labels labels;
  std::vector<std::shared_ptr<const Chunk>> chunks;  // by time
};

class History final : public Querier {
 public:
  explicit History(HistoryOptions options);
  ~History() override;

  // One scrape: all samples of one moment. A series that was in the scrape before and is not in this one gets a stale marker. Drops what is
  // too old or too much. For one thread at a time, which alone adds, too.
  void Append(Millis time, std::span<const SeriesValue> values);
  // Samples besides, as rules make them: a series ends with a stale marker of their own. Of two samples of one series and time the first
  // holds.
  void Add(Millis time, std::span<const SeriesValue> values);

  std::unique_ptr<SeriesSet> Select(std::span<const Matcher> matchers, Millis from, Millis to) const override;

  HistoryStatus status() const;

  // Everything there is, as it is now. From any thread.
  std::vector<SavedSeries> Snapshot() const;
  // Puts saved series into an empty history, without what is older than the retention or later than `now`. What has not come back by the
  // second scrape is marked as stale. Before any other thread knows of the history.
  void Restore(std::vector<SavedSeries> saved, Millis now);

 private:
  struct Series;
  struct Index;
  using SeriesPtr = std::shared_ptr<Series>;

  SeriesPtr FindOrMake(const Labels& labels);
  void Finish(Millis time);
  void AppendSample(const SeriesPtr& series, Sample sample);
  void DropOld(Millis oldest);
  void DropFirstChunk();
  void Sweep(Millis oldest);
  void PublishIndex();
  std::shared_ptr<const Index> CurrentIndex() const;
  std::uint64_t TotalBytes() const { return sample_bytes_ + series_bytes_; }

  const HistoryOptions options_;
  // Replaced as a whole when series come or go; never changed. The lock is held for the copy of the pointer.
  mutable std::mutex index_mutex_;
  std::shared_ptr<const Index> index_;

  // The rest belongs to the appending thread, but for the atomics.
  std::unordered_map<Labels, SeriesPtr, LabelsHash> by_labels_;
  std::vector<SeriesPtr> live_;  // those of the last scrape
  std::uint64_t scrapes_ = 0;
  std::vector<SeriesPtr> restored_;  // until it is known whether they go on
  std::vector<SeriesPtr> arrivals_;  // not in the index yet
  std::deque<SeriesPtr> sealed_;     // one entry for each sealed chunk, in the order of sealing
  std::uint64_t round_ = 0;
  Millis next_sweep_ = 0;
  bool departures_ = false;
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> sample_bytes_{0};
  std::atomic<std::uint64_t> series_bytes_{0};
  std::atomic<std::uint64_t> series_count_{0};
  std::atomic<std::uint64_t> refused_series_{0};
  std::atomic<std::uint64_t> late_samples_{0};
};

}  // namespace inferd::metrics
