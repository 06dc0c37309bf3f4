// Takes completed records out of the rings, on a thread of its own, and hands each to every view. A view is a reader of records: histograms
// now, log lines and spans later. The engine never waits for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ring.h"
#include "runtime/engine/records.h"

namespace inferd::metrics {

// Called from the recorder's thread only.
class RecordView {
 public:
  virtual ~RecordView() = default;
  virtual void OnRequest(const engine::RequestRecord& record) = 0;
  virtual void OnStep(const engine::StepRecord& record) = 0;
};

class Recorder {
 public:
  Recorder(Ring<engine::RequestRecord>& requests, Ring<engine::StepRecord>& steps) : requests_(requests), steps_(steps) {}
  ~Recorder() { Stop(); }

  // Before Start. Views outlive the recorder.
  void Add(RecordView& view) { views_.push_back(&view); }

  // Empties both rings once; what the thread does each time it wakes. Not while the thread runs.
  void Drain();

  void Start();
  // Drains a last time and ends the thread. Idempotent.
  void Stop();

 private:
  Ring<engine::RequestRecord>& requests_;
  Ring<engine::StepRecord>& steps_;
  std::vector<RecordView*> views_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace inferd::metrics
