#pragma once

#include <string>
#include <string_view>

#include "engine/audit/text/output_buffer.h"

namespace rpcaudit::test {

// Takes output into memory; fails from the moment it is told to.
class StringTarget : public audit::OutputTarget {
 public:
  [[nodiscard]] bool write(std::string_view bytes) override {
    if (failing) return false;
    text += bytes;
    return true;
  }
  [[nodiscard]] const std::string& error() const override { return error_; }

  std::string text;
  bool failing = false;

 private:
  std::string error_ = "no room";
};

}  // namespace rpcaudit::test
