#include <CLI/CLI.hpp>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "packaging/completion.h"
#include "packaging/roff.h"

namespace inferd::packaging {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Example {
  Example() {
    app.name("tool");
    app.footer("Of all.");
    app.add_option("--address,-a", address, "Where it is")->capture_default_str();
    CLI::App* copy = app.add_subcommand("copy", "Copy a file");
    copy->add_option("FROM", from, "What to copy")->required();
    copy->add_flag("--force", force, "Copy it's way");
    copy->footer("Exit code 1 when it failed.");
    app.add_subcommand("list", "List files")->add_subcommand("all", "List all");
  }
  CLI::App app;
  std::string address = "here";
  std::string from;
  bool force = false;
};

TEST(RoffTest, NoTextIsACommand) { EXPECT_EQ(Roff(".TH x\n'y a-b\\c"), "\\&.TH x\n\\&'y a\\-b\\(rsc"); }

TEST(RoffTest, OptionsAndCommands) {
  const Example example;
  const std::string options = OptionsRoff(example.app);
  EXPECT_THAT(options, HasSubstr(".TP\n\\fB\\-a\\fR, \\fB\\-\\-address\\fR \\fITEXT\\fR\nWhere it is. Default: here.\n"));
  EXPECT_THAT(options, Not(HasSubstr("help")));
  const std::string commands = CommandsRoff(example.app);
  EXPECT_THAT(commands, HasSubstr(".SS \\fBcopy\\fR \\fIFROM\\fR\nCopy a file.\n"));
  EXPECT_THAT(commands, HasSubstr("\\fB\\-\\-force\\fR\nCopy it's way.\n"));
  EXPECT_THAT(commands, HasSubstr(".PP\nExit code 1 when it failed.\n"));
  EXPECT_THAT(commands, Not(HasSubstr("Of all.")));
  EXPECT_THAT(commands, HasSubstr(".SS \\fBlist all\\fR\nList all.\n"));
}

TEST(RoffTest, EveryKeyIsThere) {
  const std::string keys = KeysRoff();
  EXPECT_THAT(keys, HasSubstr(".SS api\n.TP\n\\fBapi.listen\\fR\n"));
  EXPECT_THAT(keys, HasSubstr("\\fBqueue.capacity\\fR\ninteger, 1 to 1000000; default 256.\n"));
}

TEST(CompletionTest, WordsByPlace) {
  const Example example;
  const std::string bash = BashCompletion(example.app);
  EXPECT_THAT(bash, HasSubstr("'') words='copy list -h --help -a --address' ;;"));
  EXPECT_THAT(bash, HasSubstr("'copy') words='-h --help --force --address' ;;"));
  EXPECT_THAT(bash, HasSubstr("'list all') words='-h --help --address' ;;"));
}

TEST(CompletionTest, FishDescribes) {
  const Example example;
  const std::string fish = FishCompletion(example.app);
  EXPECT_THAT(fish, HasSubstr("complete -c tool -s a -l address -r -d 'Where it is'\n"));
  EXPECT_THAT(fish, HasSubstr("-n '__fish_seen_subcommand_from copy' -l force -d 'Copy it\\'s way'\n"));
}

TEST(CompletionTest, ZshDescribesByPlace) {
  const Example example;
  const std::string zsh = ZshCompletion(example.app);
  EXPECT_THAT(zsh, HasSubstr("#compdef tool\n"));
  EXPECT_THAT(zsh, HasSubstr("'')\n    commands=( 'copy:Copy a file' 'list:List files' )\n"));
  EXPECT_THAT(zsh, HasSubstr("'copy')\n    commands=( )\n"));
  EXPECT_THAT(zsh, HasSubstr(" '--force:Copy it'\\''s way' '--address:Where it is' ) ;;\n"));
  EXPECT_THAT(zsh, HasSubstr("'list all')\n"));
}

}  // namespace
}  // namespace inferd::packaging
