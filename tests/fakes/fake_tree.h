// A folder that stands for the root of a machine's file system: tests write the files of /proc and /sys that they want read.
#pragma once

#include <stdlib.h>

#include <cassert>
#include <filesystem>
#include <fstream>
#include <string>

namespace inferd {

class FakeTree {
 public:
  FakeTree() {
    std::string name = (std::filesystem::temp_directory_path() / "inferd-tree-XXXXXX").string();
    [[maybe_unused]] const char* made = ::mkdtemp(name.data());
    assert(made != nullptr);
    root_ = name;
  }
  ~FakeTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  FakeTree(const FakeTree&) = delete;
  FakeTree& operator=(const FakeTree&) = delete;

  // `path` begins with a slash. Returns the real path.
  std::string Write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
    return root_ + path;
  }
  void Remove(const std::string& path) const { std::filesystem::remove_all(root_ + path); }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

}  // namespace inferd
