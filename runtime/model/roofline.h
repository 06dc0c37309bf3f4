// What a machine could do at best with a model's weights and kernels: the two lines of the roofline (Williams, Waterman and Patterson,
// "Roofline: an insightful visual performance model", 2009), measured, so that an engine's use of the machine can be given as a share.
#pragma once

#include "runtime/base/clock.h"
#include "runtime/model/model.h"

namespace inferd::model {

struct Roofline {
  double bytes_per_second = 0;  // reading the weights from front to back, without computing anything
  double flops_per_second = 0;  // the model's matrix kernel on operands that stay in the cache; a multiply-add counts twice
};

// Takes about `budget`, half of it for each line, on as many threads of its own as the model computes with. The file should be in the page
// cache, or the disk is measured.
Roofline MeasureRoofline(const Model& model, const Clock& clock, Duration budget);

}  // namespace inferd::model
