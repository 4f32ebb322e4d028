#pragma once

#include <array>
#include <cstdint>

#include "engine/evaluate/truth.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/layer.h"

namespace rpcaudit::evaluate {

// Finds the verdict while the filters that match or may match pass by in order of evaluation. An
// unknown filter matters once something after it can end otherwise; until then its fields wait.
// Gives what arbitrate() in reference.cpp defines, in one pass and without memory.
class Arbiter {
 public:
  // Whether nothing that follows matters.
  [[nodiscard]] bool is_decided() const noexcept { return decider_ != kNoFilter; }

  // `truth` is not `no`; `unseen` are the fields that keep it from being known.
  void take(policy::Action action, std::uint32_t filter, Truth truth, FieldSet unseen) noexcept {
    if (is_decided()) return;
    if (action == policy::Action::continue_) return take_continue(filter, truth, unseen);
    const std::size_t side = action == policy::Action::permit ? kPermit : kBlock;
    if (first_ == kNoFilter) first_ = filter;
    may_end_[side] = true;
    release(1 - side);
    if (truth == Truth::yes) {
      decider_ = filter;
    } else {
      waiting_[side] |= unseen;
    }
  }

  // How the filters that passed by have the call logged, if they have audit=enable. Ask before
  // verdict().
  [[nodiscard]] AuditKeywords keywords() const noexcept {
    if (first_ == kNoFilter) return AuditKeywords::none;
    if (!is_decided() || may_end_[kPermit] == may_end_[kBlock]) return AuditKeywords::perhaps;
    return may_end_[kPermit] ? AuditKeywords::success : AuditKeywords::failure;
  }
  // The first permit or block filter that matches or might.
  [[nodiscard]] std::uint32_t first() const noexcept { return first_; }

  // `continue_permits`: where only `continue` filters match, the call is permitted.
  [[nodiscard]] FilterVerdict verdict(bool continue_permits) noexcept {
    bool undecided = false;
    if (!is_decided()) undecided = end_without_decision(continue_permits);
    FilterVerdict verdict;
    if (undecided || may_end_[kPermit] == may_end_[kBlock]) {
      verdict.action = VerdictAction::undecidable;
      verdict.undecidable_by_continue = first_ == kNoFilter;
      verdict.filter = first_ == kNoFilter ? first_continue_ : first_;
      verdict.unseen = unseen_;
    } else {
      verdict.action = may_end_[kBlock] ? VerdictAction::would_block : VerdictAction::would_permit;
      verdict.filter = decider_;
    }
    return verdict;
  }

 private:
  static constexpr std::size_t kPermit = 0;
  static constexpr std::size_t kBlock = 1;

  void release(std::size_t side) noexcept {
    unseen_ |= waiting_[side];
    waiting_[side] = 0;
  }

  void take_continue(std::uint32_t filter, Truth truth, FieldSet unseen) noexcept {
    if (first_continue_ == kNoFilter) first_continue_ = filter;
    continues_ = continues_ || truth == Truth::yes;
    continue_unseen_ |= unseen;
  }

  // Permitted, unless `continue` filters match; returns whether they may.
  bool end_without_decision(bool continue_permits) noexcept {
    release(kBlock);
    if (first_continue_ == kNoFilter || continue_permits) {
      may_end_[kPermit] = true;
      return false;
    }
    release(kPermit);
    if (!continues_) unseen_ |= continue_unseen_;
    return true;
  }

  std::array<bool, 2> may_end_{};
  std::array<FieldSet, 2> waiting_{};
  FieldSet unseen_ = 0;
  FieldSet continue_unseen_ = 0;
  std::uint32_t first_ = kNoFilter;
  std::uint32_t first_continue_ = kNoFilter;
  std::uint32_t decider_ = kNoFilter;
  bool continues_ = false;
};

}  // namespace rpcaudit::evaluate
