//! Models, over a server in this process.

#![cfg(test)]

mod contract;
mod openai;
mod server;
mod services;
mod world;
