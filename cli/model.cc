#include "cli/model.h"

namespace inferd::cli {

void AddModel(CLI::App& app, Context& context) {
  auto* model = app.add_subcommand("model", "Look at model files");
  model->require_subcommand(1);
  model->fallthrough();
  AddModelInspect(*model, context);
  AddModelVerify(*model, context);
}

}  // namespace inferd::cli
