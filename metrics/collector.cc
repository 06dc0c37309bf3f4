#include "metrics/collector.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <map>
#include <utility>

#include "metrics/family.h"
#include "runtime/base/thread.h"

namespace inferd::metrics {

CollectorRunner::CollectorRunner(const Clock& clock, NoteSink note) : clock_(clock), note_(std::move(note)) {}

CollectorRunner::~CollectorRunner() { Stop(); }

void CollectorRunner::Add(std::unique_ptr<Collector> collector, Duration period) {
  Entry entry;
  entry.collector = std::move(collector);
  entry.period = period;
  entries_.push_back(std::move(entry));
}

void CollectorRunner::Start() {
  if (thread_.joinable()) return;
  stopping_ = false;
  thread_ = std::thread([this] { Loop(); });
}

void CollectorRunner::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void CollectorRunner::Loop() {
  const ThreadSetup thread("collectors");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    RunDue(clock_.Now());
    const MonotonicTime now = clock_.Now();
    Duration wait = std::chrono::seconds(60);
    for (const Entry& entry : entries_) wait = std::min(wait, entry.due - now);
    lock.lock();
    if (wait > Duration::zero()) wake_.wait_for(lock, wait, [this] { return stopping_; });
  }
}

void CollectorRunner::RunDue(MonotonicTime now) {
  for (Entry& entry : entries_) {
    if (entry.due > now) continue;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    RunOne(entry, now);
    const MonotonicTime next = entry.due + entry.period;
    entry.due = next > now ? next : now + entry.period;
  }
}

void CollectorRunner::RunOne(Entry& entry, MonotonicTime now) {
  Families families;
  const MonotonicTime start = clock_.Now();
  Result<> result;
  try {
    result = entry.collector->Collect(now, families);
  } catch (const std::exception& error) {
    // Out of this thread it would end the process; one collector less is the smaller loss.
    result = Error(Code::kInternal, error.what());
  }
  const Duration duration = clock_.Now() - start;
  if (note_) {
    const std::string who = "collector " + std::string(entry.collector->name());
    // One cause is said once, also when it stops two collectors of one source.
    const bool is_known =
        !result && std::any_of(entries_.begin(), entries_.end(), [&](const Entry& other) { return other.fault == result.error(); });
    if (!result && !is_known) {
      // What a machine never had is no news.
      note_(entry.ran ? NoteLevel::kWarning : NoteLevel::kInfo, who + ": " + result.error().message);
    }
    if (result && entry.fault) note_(NoteLevel::kInfo, who + ": works again");
  }
  auto published = std::make_shared<const Families>(std::move(families));
  const std::lock_guard lock(mutex_);
  entry.fault = result ? std::nullopt : std::optional(result.error());
  entry.families = std::move(published);
  entry.duration = duration;
  entry.ran = true;
}

std::vector<CollectorState> CollectorRunner::States() const {
  std::vector<CollectorState> states;
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.ran) states.push_back({entry.collector->name(), entry.fault ? entry.fault->message : "", entry.duration});
  }
  return states;
}

Families CollectorRunner::Collect() const {
  FamilyBuilder duration(Metric::kCollectorDuration), up(Metric::kCollectorUp);
  std::vector<std::shared_ptr<const Families>> published;
  {
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : entries_) {
      if (!entry.ran) continue;
      duration.Add({entry.collector->name()}, ToSeconds(entry.duration));
      up.Add({entry.collector->name()}, entry.fault ? 0 : 1);
      published.push_back(entry.families);
    }
  }
  // Two collectors may give series of one family (GPUs of two makers), which the exposition wants in one piece.
  std::map<std::string, prometheus::MetricFamily> merged;
  for (const auto& families : published) {
    for (const prometheus::MetricFamily& family : *families) {
      const auto [it, is_new] = merged.try_emplace(family.name, family);
      if (!is_new) it->second.metric.insert(it->second.metric.end(), family.metric.begin(), family.metric.end());
    }
  }
  Families all;
  all.reserve(merged.size() + 2);
  for (auto& [name, family] : merged) all.push_back(std::move(family));
  all.push_back(duration.Take());
  all.push_back(up.Take());
  return all;
}

}  // namespace inferd::metrics
