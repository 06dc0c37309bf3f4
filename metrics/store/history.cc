#include "metrics/store/history.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

namespace inferd::metrics {
namespace {

// Long enough that the 16 bytes of a chunk's first sample weigh little, short enough that a reader's copy of an open chunk does.
constexpr std::uint32_t kChunkSamples = 240;

// What a series takes besides its samples: its labels' texts twice over for their allocation, and the structures around them.
std::uint64_t OverheadOf(const Labels& labels) {
  std::uint64_t bytes = 512;
  for (const Label& label : labels.pairs()) bytes += sizeof(Label) + label.name.size() + label.value.size();
  return bytes;
}

}  // namespace

struct History::Series {
  explicit Series(Labels series_labels) : labels(std::move(series_labels)) {
    // Series that begin together would seal their chunks in one and the same round, which would take a hundred times as long as the others:
    // each has a shorter first chunk, of a length of its own.
    chunk_samples = kChunkSamples / 2 + static_cast<std::uint32_t>(labels.hash() % (kChunkSamples / 2));
  }

  const Labels labels;
  std::uint64_t round = 0;          // the last round that had it; for the appending thread
  std::uint32_t chunk_samples = 0;  // at which the open chunk is sealed; for the appending thread

  mutable std::mutex mutex;  // guards what follows
  std::vector<std::shared_ptr<const Chunk>> sealed;
  ChunkWriter open;

  // The sealed chunks that reach into the range, and a copy of the open one if it does.
  std::vector<std::shared_ptr<const Chunk>> Chunks(Millis from, Millis to) const {
    std::vector<std::shared_ptr<const Chunk>> chunks;
    const std::lock_guard lock(mutex);
    for (const auto& chunk : sealed) {
      if (chunk->first <= to && chunk->last >= from) chunks.push_back(chunk);
    }
    if (open.count() > 0 && open.last() >= from) {
      Chunk copy = open.Copy();
      if (copy.first <= to) chunks.push_back(std::make_shared<const Chunk>(std::move(copy)));
    }
    return chunks;
  }
};

struct History::Index {
  std::vector<SeriesPtr> series;  // sorted by labels
  std::unordered_map<std::string_view, std::vector<std::size_t>> by_name;
};

namespace {

class Selected final : public SeriesSet {
 public:
  struct Entry {
    Labels labels;
    std::vector<std::shared_ptr<const Chunk>> chunks;
  };
  explicit Selected(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  std::size_t size() const override { return entries_.size(); }
  const Labels& labels(std::size_t series) const override { return entries_[series].labels; }
  void Read(std::size_t series, Millis from, Millis to, std::vector<Sample>& out) const override {
    for (const auto& chunk : entries_[series].chunks) chunk->Read(from, to, out);
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace

History::History(HistoryOptions options) : options_(options), index_(std::make_shared<const Index>()) {}
History::~History() = default;

void History::Append(Millis time, std::span<const SeriesValue> values) {
  ++round_;
  std::vector<SeriesPtr> live;
  live.reserve(values.size());
  for (const SeriesValue& entry : values) {
    SeriesPtr series = FindOrMake(entry.labels);
    if (series == nullptr) continue;
    if (series->round == round_) {
      ++late_samples_;  // twice in one round
      continue;
    }
    series->round = round_;
    AppendSample(series, {time, entry.value});
    live.push_back(std::move(series));
  }
  for (const SeriesPtr& series : live_) {
    if (series->round != round_) AppendSample(series, {time, kStaleMarker});
  }
  live_ = std::move(live);
  if (++scrapes_ == 2) {
    for (const SeriesPtr& series : restored_) {
      if (series->round == 0) AppendSample(series, {time, kStaleMarker});
    }
    restored_.clear();
  }
  Finish(time);
}

void History::Add(Millis time, std::span<const SeriesValue> values) {
  ++round_;
  for (const SeriesValue& entry : values) {
    if (IsStale(entry.value) && !by_labels_.contains(entry.labels)) continue;
    const SeriesPtr series = FindOrMake(entry.labels);
    if (series == nullptr || series->round == round_) continue;
    series->round = round_;
    AppendSample(series, {time, entry.value});
  }
  Finish(time);
}

// Null when there are too many.
History::SeriesPtr History::FindOrMake(const Labels& labels) {
  if (const auto found = by_labels_.find(labels); found != by_labels_.end()) return found->second;
  if (by_labels_.size() >= options_.max_series) {
    ++refused_series_;
    return nullptr;
  }
  auto series = std::make_shared<Series>(labels);
  by_labels_.emplace(labels, series);
  arrivals_.push_back(series);
  series_bytes_ += OverheadOf(labels);
  ++series_count_;
  return series;
}

void History::Finish(Millis time) {
  DropOld(time - options_.retention);
  if (!arrivals_.empty() || departures_) PublishIndex();
}

void History::AppendSample(const SeriesPtr& series, Sample sample) {
  const std::lock_guard lock(series->mutex);
  ChunkWriter& open = series->open;
  const bool is_late =
      open.count() > 0 ? sample.time <= open.last() : !series->sealed.empty() && sample.time <= series->sealed.back()->last;
  if (is_late) {
    if (!IsStale(sample.value)) ++late_samples_;  // one that goes on elsewhere has not ended
    return;
  }
  const std::size_t before = open.bytes();
  open.Append(sample);
  sample_bytes_ += open.bytes() - before;
  ++samples_;
  if (open.count() < series->chunk_samples) return;
  series->chunk_samples = kChunkSamples;
  series->sealed.push_back(open.Take());
  sealed_.push_back(series);
}

void History::DropOld(Millis oldest) {
  while (!sealed_.empty()) {
    // Only this thread changes the chunks: it may look without the lock.
    const bool too_old = sealed_.front()->sealed.front()->last < oldest;
    if (!too_old && TotalBytes() <= options_.max_bytes) break;
    DropFirstChunk();
  }
  // Series that ended leave behind an open chunk, which no later sample will seal.
  if (oldest < next_sweep_) return;
  Sweep(oldest);
  next_sweep_ = oldest + std::max<Millis>(options_.retention / 64, 1);
}

void History::DropFirstChunk() {
  const SeriesPtr series = std::move(sealed_.front());
  sealed_.pop_front();
  const std::lock_guard lock(series->mutex);
  samples_ -= series->sealed.front()->count;
  sample_bytes_ -= series->sealed.front()->bytes.size();
  series->sealed.erase(series->sealed.begin());
}

void History::Sweep(Millis oldest) {
  std::erase_if(by_labels_, [&](const auto& entry) {
    const SeriesPtr& series = entry.second;
    const std::lock_guard lock(series->mutex);
    if (!series->sealed.empty() || series->round == round_ || (series->open.count() > 0 && series->open.last() >= oldest)) return false;
    samples_ -= series->open.count();
    sample_bytes_ -= series->open.bytes();
    series_bytes_ -= OverheadOf(series->labels);
    --series_count_;
    departures_ = true;
    return true;
  });
}

std::shared_ptr<const History::Index> History::CurrentIndex() const {
  const std::lock_guard lock(index_mutex_);
  return index_;
}

void History::PublishIndex() {
  const auto old = CurrentIndex();
  auto index = std::make_shared<Index>();
  index->series.reserve(by_labels_.size());
  for (const SeriesPtr& series : old->series) {
    if (!departures_ || by_labels_.contains(series->labels)) index->series.push_back(series);
  }
  const auto by_labels = [](const SeriesPtr& a, const SeriesPtr& b) { return a->labels < b->labels; };
  std::ranges::sort(arrivals_, by_labels);
  const auto middle = static_cast<std::ptrdiff_t>(index->series.size());
  index->series.insert(index->series.end(), arrivals_.begin(), arrivals_.end());
  std::inplace_merge(index->series.begin(), index->series.begin() + middle, index->series.end(), by_labels);
  for (std::size_t i = 0; i < index->series.size(); ++i) index->by_name[index->series[i]->labels.metric_name()].push_back(i);
  arrivals_.clear();
  departures_ = false;
  const std::lock_guard lock(index_mutex_);
  index_ = std::move(index);
}

std::unique_ptr<SeriesSet> History::Select(std::span<const Matcher> matchers, Millis from, Millis to) const {
  const auto index = CurrentIndex();
  std::vector<Selected::Entry> entries;
  const auto consider = [&](const SeriesPtr& series) {
    if (!MatchesAll(matchers, series->labels)) return;
    auto chunks = series->Chunks(from, to);
    if (!chunks.empty()) entries.push_back({series->labels, std::move(chunks)});
  };
  const auto named = std::ranges::find_if(
      matchers, [](const Matcher& matcher) { return matcher.name() == kMetricName && matcher.kind() == MatchKind::kEqual; });
  if (named == matchers.end()) {
    std::ranges::for_each(index->series, consider);
  } else if (const auto found = index->by_name.find(named->value()); found != index->by_name.end()) {
    for (const std::size_t i : found->second) consider(index->series[i]);
  }
  return std::make_unique<Selected>(std::move(entries));
}

HistoryStatus History::status() const {
  return {.series = series_count_,
          .samples = samples_,
          .sample_bytes = sample_bytes_,
          .bytes = TotalBytes(),
          .refused_series = refused_series_,
          .late_samples = late_samples_};
}

std::vector<SavedSeries> History::Snapshot() const {
  constexpr Millis kFirst = std::numeric_limits<Millis>::min();
  constexpr Millis kLast = std::numeric_limits<Millis>::max();
  const auto index = CurrentIndex();
  std::vector<SavedSeries> saved;
  saved.reserve(index->series.size());
  for (const SeriesPtr& series : index->series) {
    auto chunks = series->Chunks(kFirst, kLast);
    if (!chunks.empty()) saved.push_back({series->labels, std::move(chunks)});
  }
  return saved;
}

void History::Restore(std::vector<SavedSeries> saved, Millis now) {
  struct Place {
    Millis last;
    SeriesPtr series;
  };
  std::vector<Place> places;
  for (SavedSeries& entry : saved) {
    std::erase_if(entry.chunks, [&](const auto& chunk) { return chunk->last < now - options_.retention || chunk->last > now; });
    if (entry.chunks.empty() || by_labels_.size() >= options_.max_series || by_labels_.contains(entry.labels)) continue;
    auto series = std::make_shared<Series>(entry.labels);
    for (const auto& chunk : entry.chunks) {
      samples_ += chunk->count;
      sample_bytes_ += chunk->bytes.size();
      places.push_back({chunk->last, series});
    }
    series->sealed = std::move(entry.chunks);
    series_bytes_ += OverheadOf(entry.labels);
    ++series_count_;
    by_labels_.emplace(entry.labels, series);
    arrivals_.push_back(series);
    restored_.push_back(std::move(series));
  }
  std::ranges::stable_sort(places, {}, &Place::last);
  for (Place& place : places) sealed_.push_back(std::move(place.series));
  PublishIndex();
}

}  // namespace inferd::metrics
