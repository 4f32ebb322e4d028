#pragma once

#include "dissect/smb/smb1_command.h"

namespace rpcaudit::dissect {

// TRANSACTION and NT_TRANSACT, and what follows of their requests in further messages: they open
// pipes, and write to and read from them.
void on_smb1_transaction_request(const Smb1CommandContext& context) noexcept;
void on_smb1_transaction_response(const Smb1CommandContext& context) noexcept;

}  // namespace rpcaudit::dissect
