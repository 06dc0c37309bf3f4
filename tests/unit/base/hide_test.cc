#include "runtime/base/hide.h"

#include <gtest/gtest.h>

namespace inferd {
namespace {

TEST(HideTest, OfAnAddressTheHostStays) {
  for (const char* plain : {"http://127.0.0.1:9093", "https://mail.example.com/", "http://[::1]:4318/"}) EXPECT_EQ(HideInUrl(plain), plain);
  EXPECT_EQ(HideInUrl("https://hooks.example.com/services/T0/B0/secret"), "https://hooks.example.com/(hidden)");
  EXPECT_EQ(HideInUrl("https://hooks.example.com?key=secret"), "https://hooks.example.com/(hidden)");
  EXPECT_EQ(HideInUrl("https://hooks.example.com#secret"), "https://hooks.example.com/(hidden)");
  EXPECT_EQ(HideInUrl("http://[::1]:4318/v1/traces"), "http://[::1]:4318/(hidden)");
  EXPECT_EQ(HideInUrl("http://me:secret@host:80"), "http://(hidden)@host:80");
  EXPECT_EQ(HideInUrl("http://me:se@cret@host:80/x"), "http://(hidden)@host:80/(hidden)");
}

TEST(HideTest, WhatIsNoAddressIsHidden) {
  for (const char* odd : {"", "secret", "ftp://me:secret@host/", "htps://host/secret", "HTTP://host/secret"})
    EXPECT_EQ(HideInUrl(odd), "(hidden)") << odd;
  // A password with a slash, or with a blank, in it.
  for (const char* odd : {"http://me:1/secret@host/", "http://me:se?cret@host", "http://sec ret/"})
    EXPECT_EQ(HideInUrl(odd), "http://(hidden)") << odd;
}

TEST(HideTest, WhatAServerSaysOfAnAddressIsHidden) {
  const std::string url = "https://hooks.example.com/services/secret?key=word";
  EXPECT_EQ(HideUrlIn("Cannot POST /services/secret?key=word", url), "Cannot POST (hidden)");
  EXPECT_EQ(HideUrlIn("/services/secret was not found, nor is /services/secret, key=word", url),
            "(hidden) was not found, nor is (hidden), (hidden)");
  EXPECT_EQ(HideUrlIn("a/b", "http://host/"), "a/b");
  EXPECT_EQ(HideUrlIn("a/b", "http://host"), "a/b");
  EXPECT_EQ(HideUrlIn("no secret", "http://host?secret"), "no (hidden)");
}

TEST(HideTest, OfACommandTheProgramStays) {
  EXPECT_EQ(HideArguments("/usr/bin/notify"), "/usr/bin/notify");
  EXPECT_EQ(HideArguments("/usr/bin/curl -u me:secret"), "/usr/bin/curl (hidden)");
  EXPECT_EQ(HideArguments(""), "");
}

}  // namespace
}  // namespace inferd
