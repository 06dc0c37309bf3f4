// What is read of one NVIDIA GPU, as a table: a reading is one call (or a few that belong together) of NVML and the series it gives. The
// fast ones take microseconds each; the slow ones take milliseconds and are made less often.
#pragma once

#include <string_view>
#include <vector>

#include "metrics/catalogue.h"
#include "metrics/collectors/nvml_api.h"

namespace inferd::metrics::nvml {

struct GpuValue {
  Metric metric;
  std::string_view label;  // value of the label after gpu, uuid and name; empty where there is none
  double value;
};

// A GPU and what its readings keep from one sample to the next. The library's owner frees the samples.
struct ReadableGpu {
  Device device = nullptr;
  unsigned process = 0;          // pid of the daemon
  GpmSample previous = nullptr;  // activity counters are differences of two samples
  GpmSample current = nullptr;
  bool has_previous = false;
};

struct Reading {
  std::string_view call;  // symbol, and its argument where several readings share it
  bool slow;
  Metric first, last;      // the families it gives: a range of the enumeration
  std::string_view label;  // the one series of the family, where it gives no other
  // kFunctionNotFound when the library lacks the symbol. Values are added only on kSuccess.
  Return (*read)(const Api& api, ReadableGpu& gpu, std::vector<GpuValue>& values);
};

const std::vector<Reading>& Readings();

}  // namespace inferd::metrics::nvml
