#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/evaluate/facts.h"
#include "engine/evaluate/filters/access_check.h"
#include "engine/evaluate/filters/condition_truth.h"
#include "engine/evaluate/filters/program.h"

namespace rpcaudit::evaluate {

// The values that a number may have: one when it is known, several when not, none when nothing at
// all is known of it.
class Candidates {
 public:
  constexpr Candidates() = default;
  constexpr explicit Candidates(std::uint64_t value) noexcept : values_{value}, count_(1) {}
  template <std::size_t kCount>
  constexpr explicit Candidates(const std::array<std::uint8_t, kCount>& values) noexcept
      : count_(kCount) {
    for (std::size_t i = 0; i < kCount; ++i) values_[i] = values[i];
  }

  [[nodiscard]] std::span<const std::uint64_t> values() const noexcept {
    return std::span(values_).first(count_);
  }

 private:
  std::array<std::uint64_t, 3> values_{};
  std::size_t count_ = 0;
};

// A call's facts in one reading, in the form that tests compare.
class CallValues {
 public:
  CallValues(const CallFacts& call, bool other_security) noexcept;

  [[nodiscard]] std::optional<std::uint16_t> opnum() const noexcept {
    if (opnum_.values().empty()) return std::nullopt;
    return static_cast<std::uint16_t>(opnum_.values().front());
  }

  // Of a run on a field that a call decides.
  [[nodiscard]] Truth truth(const Program& program, const Run& run) const noexcept;

 private:
  [[nodiscard]] const Candidates& numbers(policy::Field field) const noexcept;
  [[nodiscard]] Truth test_caller(const Program& program, const ValueTest& test) const noexcept;
  [[nodiscard]] Truth test_app_id(const Program& program, const ValueTest& test) const noexcept;

  Candidates opnum_;
  Candidates auth_type_;
  Candidates auth_level_;
  Candidates if_flag_;
  CallerKnowledge caller_;
  unsigned caller_state_ = 0;
  const Uuid* app_id_ = nullptr;
  bool may_have_app_id_ = false;  // only calls of DCOM are made to an application
};

// A context's facts in the form that tests compare.
class ContextValues {
 public:
  explicit ContextValues(const ContextFacts& context) noexcept;

  // Whether sources differ on the endpoints that runs on the field see.
  [[nodiscard]] static bool depends_on_endpoints(policy::Field field) noexcept;
  // Of a run on a field that a context fixes, in the reading that verdicts follow or with endpoints
  // as other sources have them.
  [[nodiscard]] Truth truth(const Program& program, const policy::TargetProfile& profile,
                            const Run& run, bool other_endpoints) const noexcept;

  [[nodiscard]] bool has_interface() const noexcept { return context_.if_uuid.has_value(); }
  [[nodiscard]] const Uint128& interface() const noexcept { return interface_; }
  [[nodiscard]] const Uint128& remote_address() const noexcept { return remote_address_; }
  [[nodiscard]] dissect::ProtocolSequence protocol() const noexcept { return context_.protocol; }

 private:
  [[nodiscard]] Truth pipe_truth(const Program& program, const ValueTest& test,
                                 bool other_endpoints) const noexcept;
  [[nodiscard]] Truth test(const Program& program, policy::Field field, const ValueTest& test,
                           bool other_endpoints) const noexcept;

  const ContextFacts& context_;
  Uint128 interface_;
  Uint128 local_address_;
  Uint128 remote_address_;
};

}  // namespace rpcaudit::evaluate
