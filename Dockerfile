# The local stage in a container, for who has Docker and no Node. What is deployed to AWS is not made of it.
FROM node:24-bookworm-slim
WORKDIR /app
ENV HOST=0.0.0.0 PORT=3000 TASKRUNNER_STATE=/state
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund && npm cache clean --force
COPY . .
RUN mkdir /state && chown node:node /state
USER node
VOLUME /state
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --start-period=120s --retries=5 \
  CMD ["node", "bin/health-check.mjs"]
CMD ["node", "bin/start.ts"]
