// Functions of one series' samples in a window of time. Pure; a window holds at least one sample. Each gives nothing when there are too
// few samples to say something.
#pragma once

#include <optional>

#include "metrics/promql/functions.h"

namespace inferd::metrics::promql {

std::optional<double> AvgOverTime(const Window& window);
std::optional<double> Changes(const Window& window);
std::optional<double> CountOverTime(const Window& window);
std::optional<double> Delta(const Window& window);
std::optional<double> Deriv(const Window& window);
std::optional<double> Idelta(const Window& window);
std::optional<double> Increase(const Window& window);
std::optional<double> Irate(const Window& window);
std::optional<double> LastOverTime(const Window& window);
std::optional<double> MaxOverTime(const Window& window);
std::optional<double> MinOverTime(const Window& window);
std::optional<double> PredictLinear(const Window& window);  // parameter: seconds ahead
std::optional<double> PresentOverTime(const Window& window);
std::optional<double> QuantileOverTime(const Window& window);  // parameter: the quantile
std::optional<double> Rate(const Window& window);
std::optional<double> Resets(const Window& window);
std::optional<double> StddevOverTime(const Window& window);
std::optional<double> StdvarOverTime(const Window& window);
std::optional<double> SumOverTime(const Window& window);

}  // namespace inferd::metrics::promql
