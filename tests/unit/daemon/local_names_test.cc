#include "daemon/local_names.h"

#include <gtest/gtest.h>

namespace inferd::daemon {
namespace {

TEST(LocalNames, AreLoopbackTheListenedAddressAndTheMachine) {
  const LocalNames names({"127.0.0.1:9464", "192.0.2.7:9464", "[2001:db8::7]:8080"}, "Box");
  for (const char* host : {"", "127.0.0.1", "127.0.0.1:9464", "127.8.9.1", "localhost", "LOCALHOST:1234", "localhost.", "a.localhost:80",
                           "[::1]:9464", "[::1]", "::1", "192.0.2.7:80", "[2001:db8::7]:80", "box", "BOX:9464"}) {
    EXPECT_TRUE(names.Has(host)) << host;
  }
  for (const char* host :
       {"evil.example", "evil.example:9464", "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost", "box.evil.example",
        "192.0.2.8", "0.0.0.0", "127.1", "[::2]", "[", "]", ":", ":9464", ".", "127.0.0.1@evil.example", "[::1].evil.example"}) {
    EXPECT_FALSE(names.Has(host)) << host;
  }
}

}  // namespace
}  // namespace inferd::daemon
