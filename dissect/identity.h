#pragma once

#include <cstdint>

#include "dissect/bounded_text.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit {

// The strings of a security context, owned. view() lends them as the observer gets them.
struct Identity {
  BoundedText<128> user;
  BoundedText<128> domain;
  BoundedText<64> workstation;
  BoundedText<128> service;
  BoundedText<128> realm;
  std::uint8_t mechanism = 0;
  bool null_session = false;

  void clear() noexcept {
    user.clear();
    domain.clear();
    workstation.clear();
    service.clear();
    realm.clear();
    mechanism = 0;
    null_session = false;
  }

  [[nodiscard]] SecurityIdentity view() const noexcept {
    return {user.view(),  domain.view(), workstation.view(), service.view(),
            realm.view(), mechanism,     null_session};
  }
};

}  // namespace rpcaudit
