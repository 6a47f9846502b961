import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { followLive, queries } from "./api/queries";
import { nonce } from "./app/nonce";
import { router } from "./app/router";
import { Toasts } from "./ui/Toast";
import "./ui/tokens.css";
import "./ui/base.css";
import "./ui/theme";

if (nonce) setNonce(nonce);
followLive();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
      <Toasts />
    </QueryClientProvider>
  </StrictMode>,
);
