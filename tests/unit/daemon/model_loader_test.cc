#include "daemon/model_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/fakes/fake_tree.h"

namespace inferd::daemon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// In a child: who runs tests as root may read everything.
void FindAsSomebody(const std::vector<std::string>& paths) {
  constexpr uid_t kNobody = 65534;
  if (::geteuid() == 0 && ::setuid(kNobody) != 0) std::_Exit(9);
  std::vector<config::Model> models(paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) models[i].path = paths[i];
  const auto found = FindModelFiles(models);
  if (!found) std::fprintf(stderr, "%s: %s\n", std::string(CodeName(found.error().code)).c_str(), found.error().message.c_str());
  std::_Exit(found ? 0 : 1);
}

class FindModelFilesDeathTest : public ::testing::Test {
 protected:
  FindModelFilesDeathTest() { ::chmod(tree.root().c_str(), 0755); }
  void Closed(const std::string& path, mode_t mode) const { ::chmod((tree.root() + path).c_str(), mode); }
  const FakeTree tree;
};

TEST_F(FindModelFilesDeathTest, AFileThatMayBeReadIsFound) {
  const std::string file = tree.Write("/open/model.gguf", "x");
  EXPECT_EXIT(FindAsSomebody({file}), ::testing::ExitedWithCode(0), "");
}

TEST_F(FindModelFilesDeathTest, AFileThatMayNotBeReadIsNamedWithTheUserAndTheRemedy) {
  const std::string file = tree.Write("/open/model.gguf", "x");
  Closed("/open/model.gguf", 0000);
  EXPECT_EXIT(FindAsSomebody({file}), ::testing::ExitedWithCode(1),
              AllOf(HasSubstr("not_found: models[0].path: " + file + " cannot be read: the file is closed to the user "),
                    HasSubstr("(uid "), HasSubstr("group inferd-models"), Not(HasSubstr("does not exist"))));
}

TEST_F(FindModelFilesDeathTest, TheFolderThatIsInTheWayIsNamed) {
  const std::string file = tree.Write("/closed/inner/model.gguf", "x");
  Closed("/closed", 0000);
  EXPECT_EXIT(FindAsSomebody({file}), ::testing::ExitedWithCode(1),
              HasSubstr(file + " cannot be read: the folder " + tree.root() + "/closed is closed to the user "));
  Closed("/closed", 0755);
}

TEST_F(FindModelFilesDeathTest, EveryFileIsNamedOnce) {
  const std::string file = tree.Write("/open/model.gguf", "x");
  Closed("/open/model.gguf", 0000);
  const std::string beneath = tree.root() + "/open/model.gguf/no folder";
  EXPECT_EXIT(FindAsSomebody({file, "/no/one.gguf", beneath}), ::testing::ExitedWithCode(1),
              AllOf(HasSubstr("models[0].path: " + file + " cannot be read"), HasSubstr("models[1].path: /no/one.gguf does not exist; "),
                    HasSubstr("models[2].path: " + beneath + " does not exist; "), HasSubstr("inferd-demo-model")));
}

}  // namespace
}  // namespace inferd::daemon
